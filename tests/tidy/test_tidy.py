"""Rules of this source tree that a machine can check. Each check also has a test that shows it can fail
(test_checks_can_fail.py)."""

import warnings

import pytest

import layout_checks
import text_checks
import tool_checks
from tree import load_sources

CHECKS = [
    layout_checks.import_direction,
    layout_checks.rooms_link_what_they_may_include,
    layout_checks.public_headers_use_only_std,
    layout_checks.file_sizes,
    layout_checks.line_lengths,
    layout_checks.function_lengths,
    text_checks.heads,
    text_checks.white_space,
    text_checks.using_namespace_in_headers,
    text_checks.prefetches_that_stay,
    text_checks.open_work,
    text_checks.machine_paths,
    text_checks.atomics_name_their_order,
    text_checks.links,
    text_checks.executable_scripts,
    tool_checks.headers_stand_alone,
]


@pytest.fixture(scope="module")
def sources():
    return load_sources()


def test_the_tree_is_read(sources):
    """An empty list would pass every check."""
    paths = {source.path for source in sources}
    assert {"include/kvstore/status.h", "README.md", "run", "test", ".ci/run"} <= paths
    assert sum(source.is_cpp for source in sources) > 20


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_tidy(check, sources):
    findings = check(sources)
    assert not findings, "\n" + "\n".join(findings)


def test_shellcheck(sources):
    findings = tool_checks.shellcheck(sources)
    if findings is None:
        pytest.skip("shellcheck is not installed")
    assert not findings, "\n" + "\n".join(findings)


def test_long_files_are_named(sources):
    """Only a warning: a file over 400 lines is on its way to being too long."""
    for finding in layout_checks.file_size_warnings(sources):
        warnings.warn(finding)
