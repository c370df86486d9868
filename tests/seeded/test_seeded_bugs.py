"""Switches on each bug of docs/decisions/seeded-bugs.md and requires that the test named there fails.

The binaries are those of the preset `asan` (KVSTORE_SEEDED_BIN names another folder for them); `./test asan` shows that
the same tests pass without a bug.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("KVSTORE_SEEDED_BIN", ROOT / "build/asan/bin"))
PAGE = ROOT / "docs/decisions/seeded-bugs.md"
ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \| `(\w+) ([^`]+)` \|$", re.MULTILINE)
TIMEOUT_S = 120

BUGS = {name: (binary, test) for name, binary, test in ROW.findall(PAGE.read_text())}


def run(bug, binary, tests):
    """The exit status and the output of these tests with a bug switched on."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KVSTORE_")}
    # Fewer states than a run of the tests alone looks at: a bug worth the name shows early.
    environment["KVSTORE_CRASH_STATES"] = "4000"
    environment["KVSTORE_SEEDED_BUG"] = bug
    environment["GTEST_THROW_ON_FAILURE"] = "1"  # the first one is enough
    try:
        done = subprocess.run(
            [BIN / binary, "--gtest_filter=" + tests, "--gtest_brief=1"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as expired:
        return None, (expired.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout.decode(errors="replace")


@pytest.fixture(scope="session")
def results():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = {bug: pool.submit(run, bug, *where) for bug, where in BUGS.items()}
        return {name: future.result() for name, future in waiting.items()}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_is_noticed(bug, results):
    status, output = results[bug]
    assert status is not None, f"the test did not end\n{output[-2000:]}"
    assert status != 0, f"{BUGS[bug][1]} does not notice it\n{output[-2000:]}"


def test_the_list_is_that_of_the_code():
    named = set()
    for path in (ROOT / "src").rglob("*"):
        if path.suffix in (".h", ".cc") and path.name != "seeded_bug.h":
            named.update(re.findall(r"KV_SEEDED_BUG\((\w+)\)", path.read_text()))
    assert named == set(BUGS)
    assert len(BUGS) >= 20
