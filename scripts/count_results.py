#!/usr/bin/python3
"""Adds up the JUnit files that ctest and pytest wrote and prints one closing line: "N passed, N failed, N skipped".

    count_results.py FOLDER "PARTS" "FAILED PARTS"

A part that ran without such a file (a script, or a build that failed) counts as one test. A failed part with no failed
test in its file counts as one failure, so that the line can never say 0 failed after a failure. The exit status is 1
when anything failed or when nothing ran.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def count(file):
    """(passed, failed, skipped) of one JUnit file."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(file).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def total(folder, parts, failed_parts):
    sums = [0, 0, 0]
    for part in parts:
        file = folder / f"{part}.xml"
        counts = count(file) if file.exists() else (0, 0, 0) if part in failed_parts else (1, 0, 0)
        if part in failed_parts and counts[1] == 0:
            counts = (counts[0], 1, counts[2])
        sums = [a + b for a, b in zip(sums, counts)]
    return sums


def main():
    folder, parts, failed_parts = pathlib.Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3].split()
    passed, failed, skipped = total(folder, parts, failed_parts)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
