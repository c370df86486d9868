"""Every tidy check, shown to find what it is for and to leave good text alone."""

import shutil

import pytest

import layout_checks
import text_checks
import tool_checks
from tree import Source

GOOD_HEAD = "// What this is.\n#pragma once\n"
MARK = "TO" + "DO"
MACHINE = "/wo" + "rk/tree"


def found(check, path, text, **more):
    return check([Source(path, text, **more)])


def function_of(lines):
    return "void f(int a,\n       int b) {\n" + "  a = b;\n" * (lines - 3) + "}\n"


# check, path, text that it must find, text that it must not
CASES = [
    (layout_checks.import_direction, "src/store/a.cc", '#include "engine/engine.h"\n', '#include "base/hash.h"\n'),
    (layout_checks.import_direction, "src/base/a.cc", '#include "env/clock.h"\n', '#include "kvstore/status.h"\n'),
    (layout_checks.import_direction, "src/net/a.cc", '#include "kvstore/options.h"\n', '#include <sys/uio.h>\n'),
    (layout_checks.import_direction, "src/net/a.cc", '#include "connection.h"\n', '#include "net/connection.h"\n'),
    (layout_checks.import_direction, "src/commands/a.cc", '#include "protocol/resp_writer.h"\n',
     '#include "protocol/reply_writer.h"\n'),
    (layout_checks.import_direction, "src/server/a.cc", '#include "main/a.h"\n', '#include "net/listener.h"\n'),
    (layout_checks.import_direction, "src/attic/a.cc", "\n", None),
    (layout_checks.rooms_link_what_they_may_include, "src/net/CMakeLists.txt",
     "kvstore_room(net DEPENDS base env store\n  LIBRARIES fmt::fmt)\n", "kvstore_room(net DEPENDS base env)\n"),
    (layout_checks.public_headers_use_only_std, "include/kvstore/a.h", '#include "base/hash.h"\n',
     '#include <string>\n#include "kvstore/status.h"\n'),
    (layout_checks.public_headers_use_only_std, "include/kvstore/a.h", "#include <unistd.h>\n", "#include <atomic>\n"),
    (layout_checks.file_sizes, "src/base/a.cc", "\n" * 601, "\n" * 600),
    (layout_checks.file_sizes, "src/base/a_test.cc", "\n" * 1001, "\n" * 1000),
    (layout_checks.file_size_warnings, "src/base/a.cc", "\n" * 401, "\n" * 400),
    (layout_checks.line_lengths, "src/base/a.cc", "x" * 121, "x" * 120),
    (layout_checks.function_lengths, "src/base/a.cc", function_of(71), function_of(70) + function_of(70)),
    (text_checks.heads, "src/base/a.h", "#pragma once\n", GOOD_HEAD),
    (text_checks.heads, "src/base/a.h", "// What this is.\n", GOOD_HEAD),
    (text_checks.heads, "src/base/a.cc", "#include <a>\n", "// What this is.\n#include <a>\n"),
    (text_checks.white_space, "README.md", "a\tb\n", "a b\n"),
    (text_checks.white_space, "README.md", "a \n", "a\n"),
    (text_checks.white_space, "README.md", "a", "a\n"),
    (text_checks.using_namespace_in_headers, "src/base/a.h", "using namespace std;\n", "// no using namespace\n"),
    (text_checks.prefetches_that_stay, "src/store/a.cc", "__builtin_prefetch(at);\n", "base::prefetch(at);\n"),
    (text_checks.open_work, "src/base/a.h", f"// {MARK}: later\n", "// mkdtemp wants XX" + "XXXX\n"),
    (text_checks.machine_paths, "docs/a.md", f"see {MACHINE}\n", "see src/wo" + "rk/tree\n"),
    (text_checks.atomics_name_their_order, "src/base/a.cc", "if (x.compare_exchange_weak(a, b)) {}\n",
     "x.compare_exchange_weak(a, b,\n  std::memory_order_acquire);\n"),
    (text_checks.atomics_name_their_order, "src/base/a.cc", "return flag_.load();\n",
     "return flag_.load(std::memory_order_relaxed);  // flag_.load()\n"),
    (text_checks.atomics_name_their_order, "src/base/a.cc", "std::atomic<int> n_{0};\nn_.store(f(1));\n",
     "std::atomic<int> n_{0};\nfile.store(1);\nn_.store(f(1), std::memory_order_release);\n"),
    (text_checks.atomics_name_their_order, "src/base/a.cc", "std::atomic<int> n_{0};\n++n_;\n",
     "std::atomic<int> n_ = 0;\nbool b = m == n_.load(std::memory_order_relaxed);\n"),
    (text_checks.executable_scripts, "scripts/a.sh", "#!/bin/sh\n", "a\n"),
]


@pytest.mark.parametrize("check, path, bad, good", CASES,
                         ids=[f"{case[0].__name__}-{number}" for number, case in enumerate(CASES)])
def test_finds_the_bad_and_leaves_the_good(check, path, bad, good):
    assert len(found(check, path, bad)) == 1
    if good is not None:
        assert found(check, path, good) == []


def test_an_executable_needs_an_interpreter():
    assert found(text_checks.executable_scripts, "scripts/a.sh", "echo\n", executable=True)
    assert not found(text_checks.executable_scripts, "scripts/a.sh", "#!/bin/sh\n", executable=True)


def test_a_room_test_may_use_a_real_writer():
    text = '#include "protocol/resp_writer.h"\n'
    assert found(layout_checks.import_direction, "src/commands/a_test.cc", text) == []


def test_a_cc_file_with_a_header_of_its_name_needs_no_head():
    assert text_checks.heads([Source("src/base/a.h", GOOD_HEAD), Source("src/base/a.cc", '#include "base/a.h"\n')]) == []


@pytest.mark.parametrize("text", ["[a](missing.md)", "[a](there.md#no-such-part)", "[a](#no-such-part)",
                                  "read `src/gone/a.cc`"])
def test_a_broken_link_is_found(tmp_path, text):
    (tmp_path / "there.md").write_text("# A part\n")
    assert len(text_checks.links([Source("a.md", text + "\n")], tmp_path)) == 1


def test_a_good_link_is_left_alone(tmp_path):
    (tmp_path / "there.md").write_text("# A `part`, and more\n")
    (tmp_path / "src").mkdir()
    text = "# Here\n[a](there.md) [b](there.md#a-part-and-more) [c](#here) [d](https://example.org/x) `src/`\n"
    assert text_checks.links([Source("a.md", text + "```\n[e](no.md)\n```\n")], tmp_path) == []


def test_function_finder_knows_methods_and_skips_initialisers():
    text = ("class A {\n public:\n  int f() const {\n    return 1;\n  }\n};\n"
            "constexpr Row kRows[] = {\n  {f(1)},\n};\n"
            "void A::g() {\n  if (a) {\n  }\n}\n")
    assert list(layout_checks.functions(Source("src/base/a.cc", text))) == [("f", 3, 3), ("A::g", 10, 4)]


def test_a_header_that_leans_on_others_is_found(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "bad.h").write_text("std::string name();\n")
    (tmp_path / "src" / "good.h").write_text("#include <string>\nstd::string name();\n")
    headers = [Source("src/bad.h", ""), Source("src/good.h", "")]
    findings = tool_checks.headers_stand_alone(headers, tmp_path)
    assert len(findings) == 1 and findings[0].startswith("src/bad.h")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_an_unquoted_variable():
    assert tool_checks.shellcheck([Source("a.sh", "#!/bin/sh\nrm $1\n")])
    assert tool_checks.shellcheck([Source("a.sh", '#!/bin/sh\nrm "$1"\n')]) == []
