#!/usr/bin/python3
"""Counts the instructions of every run of budget_runs with callgrind, and compares them with the committed figures.

    tests/budget/counting.py        prints what tests/budget/budgets.json should hold (tests/budget/renew.sh keeps it)

Only what kvstore_measured() does is counted. The figures belong to one compiler, and to one choice among the variants
that libraries pick by processor: those are fixed here to what every x86-64 server has.
"""

import functools
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile

from harness import server_binary

BUDGETS = pathlib.Path(__file__).resolve().parent / "budgets.json"
ALLOWED_ABOVE = 0.05
WORTH_RENEWING_BELOW = 0.05
TIMEOUT_S = 100

# valgrind shows programs a processor that depends on the one below it, as far as AVX2. Without these, memcpy and memcmp
# of the C library and the UTF-8 check would be different functions on different machines.
FIXED_VARIANTS = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512VL,-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-SSSE3,-SSE4_1",
    "SIMDJSON_FORCE_IMPLEMENTATION": "westmere",
}

RENEW = "If the change is worth it, renew the figures on purpose with tests/budget/renew.sh and say why in the commit."


class CannotCount(Exception):
    pass


def program():
    return server_binary().parent / "budget_runs"


def run_program(*words):
    done = subprocess.run([program(), *words], capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise CannotCount(f"budget_runs {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


@functools.cache
def run_names():
    return run_program().split()


def built_with():
    """What figures can be compared with: ("g++ 12", "x86_64"), or ("g++ 12, not optimised", ...)."""
    facts = json.loads(run_program(run_names()[0]))
    return facts["compiler"] + ("" if facts["release"] else ", not a release build"), platform.machine()


def instructions_per_operation(run):
    if shutil.which("valgrind") is None:
        raise CannotCount("valgrind is not installed (scripts/install_dependencies.sh test)")
    with tempfile.TemporaryDirectory(prefix="kvstore-budget-") as folder:
        counts = pathlib.Path(folder) / "counts"
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=kvstore_measured",
                   f"--callgrind-out-file={counts}", program(), run]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S,
                              env={**os.environ, **FIXED_VARIANTS})
        if done.returncode != 0:
            raise CannotCount(f"{run} under valgrind ended with {done.returncode}:\n{done.stderr}")
        return total_of(counts.read_text()) / json.loads(done.stdout)["operations"]


def total_of(counts):
    """The sum over all threads that callgrind wrote at the end of its file."""
    total = re.search(r"^totals: (\d+)$", counts, re.MULTILINE)
    if total is None or int(total.group(1)) == 0:
        raise CannotCount("callgrind counted nothing: is kvstore_measured() still what budget_runs calls?")
    return int(total.group(1))


def too_many(run, counted, budget):
    """Why `counted` is over the budget, or None."""
    if counted <= budget * (1 + ALLOWED_ABOVE):
        return None
    return (f"{run} takes {counted:.1f} instructions an operation: {counted / budget - 1:.1%} more than the "
            f"{budget:.1f} in tests/budget/budgets.json, and {ALLOWED_ABOVE:.0%} is allowed. {RENEW}")


def worth_renewing(run, counted, budget):
    """What to say when a run became so much cheaper that the old figure would hide the next rise, or None."""
    if counted >= budget * (1 - WORTH_RENEWING_BELOW):
        return None
    return (f"{run} takes {counted:.1f} instructions an operation: {1 - counted / budget:.1%} fewer than the "
            f"{budget:.1f} in tests/budget/budgets.json. Keep the gain: renew the figures with tests/budget/renew.sh.")


def load_budgets():
    return json.loads(BUDGETS.read_text())


def main():
    compiler, machine = built_with()
    figures = {run: round(instructions_per_operation(run), 1) for run in run_names()}
    print(json.dumps({"compiler": compiler, "machine": machine, "instructions_per_operation": figures}, indent=2))


if __name__ == "__main__":
    main()
