"""Checks of the text of files: heads, white space, atomics, words and links."""

import re

from tree import REPOSITORY, code_only

# Spelt in pieces so that this file does not find itself.
OPEN_WORK = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me"]) + r")/")
ATOMIC_OPERATION = re.compile(r"(?:\.|->)(load|store|exchange|fetch_\w+|compare_exchange_\w+|test_and_set)\(")
ATOMIC_DECLARATION = re.compile(r"\bstd::atomic(?:<.*>|_flag|_bool)\s*&?\s*(\w+)\s*[;{=(,)\[]")

PATH_IN_PROSE = re.compile(r"`((?:src|tests|docs|include|cmake|scripts|benchmarks|packaging|examples)/[\w./-]*)`")


def heads(sources):
    """Every header, and every .cc that has none of its name, begins with a comment that says what it is."""
    paths = {source.path for source in sources}
    findings = []
    for source in (s for s in sources if s.is_cpp):
        explained_by_header = not source.is_header and source.path.removesuffix(".cc") + ".h" in paths
        named_after_its_subject = source.name.endswith("_test.cc")
        has_comment = source.lines and source.lines[0].startswith("// ")
        if not (has_comment or explained_by_header or named_after_its_subject):
            findings.append(source.at(1, "begin the file with a // comment that says what it is for"))
        if source.is_header and "#pragma once" not in source.lines:
            findings.append(source.at(1, "a header needs #pragma once"))
    return findings


def white_space(sources):
    findings = []
    for source in sources:
        for number, line in enumerate(source.lines, 1):
            if "\t" in line:
                findings.append(source.at(number, "a tab"))
            if line != line.rstrip():
                findings.append(source.at(number, "white space at the end of the line"))
        if source.text and not source.text.endswith("\n"):
            findings.append(source.at(len(source.lines), "no line end at the end of the file"))
    return findings


def using_namespace_in_headers(sources):
    return [source.at(number, "'using namespace' in a header changes every file that includes it")
            for source in sources if source.is_header
            for number, line in enumerate(source.lines, 1) if "using namespace" in code_only(line)]


def prefetches_that_stay(sources):
    return [source.at(number, "a compiler may leave this out: base::prefetch() stays")
            for source in sources if source.suffix in (".h", ".cc") and source.name != "prefetch.h"
            for number, line in enumerate(source.lines, 1) if "__builtin_prefetch" in code_only(line)]


def open_work(sources):
    return [source.at(number, f"'{found.group(0)}': finish it or leave it out")
            for source in sources
            for number, line in enumerate(source.lines, 1) for found in [OPEN_WORK.search(line)] if found]


def machine_paths(sources):
    return [source.at(number, f"'{found.group(0)}' is a path of one machine")
            for source in sources
            for number, line in enumerate(source.lines, 1) for found in [MACHINE_PATH.search(line)] if found]


def arguments_after(text, open_parenthesis):
    """The text between a parenthesis and its partner."""
    depth = 0
    for position in range(open_parenthesis, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return text[open_parenthesis + 1:position]
    return text[open_parenthesis + 1:]


def atomics_name_their_order(sources):
    """Every operation on an atomic says its memory order; an operator (x = 1, ++x) would be seq_cst unsaid.

    Tests may leave it to the default: seq_cst is never wrong, and there it costs nobody anything.
    """
    findings = []
    for source in (s for s in sources if s.is_cpp and not s.is_test):
        code = "\n".join(code_only(line) for line in source.lines)
        names = set(ATOMIC_DECLARATION.findall(code))
        for match in ATOMIC_OPERATION.finditer(code):
            if "memory_order" not in arguments_after(code, match.end() - 1) and is_atomic(code, match, names):
                line = code.count("\n", 0, match.start()) + 1
                findings.append(source.at(line, f"{match.group(1)}() without an explicit memory order"))
        for name in names:
            operator = re.compile(rf"(?:\+\+|--)\s*{name}\b|\b{name}\s*(?:\+\+|--|[-+|&^]=|=(?!=))")
            for match in operator.finditer(code):
                line_start = code.rfind("\n", 0, match.start()) + 1
                if "std::atomic" not in code[line_start:match.end()]:
                    line = code.count("\n", 0, match.start()) + 1
                    findings.append(source.at(line, f"operator on the atomic {name}: name the operation and its order"))
    return findings


def is_atomic(code, match, names):
    """Names such as fetch_add belong to atomics alone; load, store and exchange only if the object is one of ours."""
    if match.group(1) not in ("load", "store", "exchange"):
        return True
    owner = re.search(r"(\w+)(?:\[[^\]]*\]|\(\))?$", code[:match.start()])
    no_arguments = arguments_after(code, match.end() - 1).strip() == ""
    return (owner and owner.group(1) in names) or (match.group(1) == "load" and no_arguments)


def slug(heading):
    """The anchor that a heading gets on the usual Git hosts."""
    text = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower())
    return text.replace(" ", "-")


def anchors(text):
    return {slug(match) for match in re.findall(r"^#+\s+(.*)$", text, re.MULTILINE)}


def prose(text):
    """Markdown without its code blocks."""
    return re.sub(r"^```.*?^```", lambda block: "\n" * block.group(0).count("\n"), text, flags=re.MULTILINE | re.DOTALL)


def links(sources, root=REPOSITORY):
    """Relative links lead to files, their anchors to headings, and `src/...` in back ticks names what is there."""
    findings = []
    for source in (s for s in sources if s.suffix == ".md"):
        here = (root / source.path).parent
        for number, line in enumerate(prose(source.text).splitlines(), 1):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                findings += [source.at(number, problem) for problem in [broken_link(source, here, target)] if problem]
            for path in PATH_IN_PROSE.findall(line):
                if not (root / path).exists():
                    findings.append(source.at(number, f"`{path}` is not there"))
    return findings


def broken_link(source, here, target):
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = here / path if path else None
    if file is not None and not file.exists():
        return f"link to {target}: no such file"
    text = source.text if file is None else file.read_text() if file.suffix == ".md" else ""
    if anchor and (file is None or file.suffix == ".md") and anchor not in anchors(text):
        return f"link to {target}: no such heading"
    return None


def executable_scripts(sources):
    """What begins with #! can be executed, and what can be executed says with what."""
    findings = []
    for source in sources:
        shebang = source.text.startswith("#!")
        if shebang and not source.executable:
            findings.append(source.at(1, "begins with #! but is not executable (chmod +x)"))
        if source.executable and not shebang:
            findings.append(source.at(1, "is executable but does not begin with #!"))
    return findings


def shell_scripts(sources):
    return [s for s in sources if s.suffix == ".sh" or re.match(r"#!.*\b(ba|da)?sh\b", s.text)]
