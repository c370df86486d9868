"""Checks that ask a compiler or a linter."""

import concurrent.futures
import os
import shutil
import subprocess
import tempfile

from text_checks import shell_scripts
from tree import REPOSITORY

# What CMake gives the targets that need it: Debian's spdlog is compiled and stands on the packaged fmt.
COMPILE = ["-fsyntax-only", "-x", "c++", "-std=c++20", "-DSPDLOG_COMPILED_LIB", "-DSPDLOG_FMT_EXTERNAL",
           '-DKVSTORE_VERSION="0"', *(["-msse4.2"] if os.uname().machine == "x86_64" else [])]


def compiler():
    return shutil.which("clang++") or shutil.which("g++")


def header_alone(header, folders):
    """The compiler's first complaint about a file that includes nothing but `header`, or None."""
    command = [compiler(), *COMPILE, *(f"-I{folder}" for folder in folders), "-"]
    result = subprocess.run(command, input=f'#include "{header}"\n', capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return None
    return next((line for line in result.stderr.splitlines() if "error" in line), result.stderr)


def headers_stand_alone(sources, root=REPOSITORY):
    """Every header includes what it needs, so that the order of includes never matters."""
    folders = [root / "include", root / "src", root]
    headers = [s for s in sources if s.is_header and s.path.split("/")[0] in ("src", "include", "benchmarks")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = pool.map(lambda header: header_alone(root / header.path, folders), headers)
    return [header.at(1, f"does not compile on its own: {problem}")
            for header, problem in zip(headers, problems) if problem]


def shellcheck(sources):
    """ShellCheck's findings; None when it is not installed."""
    if shutil.which("shellcheck") is None:
        return None
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        for script in shell_scripts(sources):
            path = os.path.join(folder, "script")
            with open(path, "w", encoding="utf-8") as file:
                file.write(script.text)
            result = subprocess.run(["shellcheck", "--format=gcc", path], capture_output=True, text=True, check=False)
            findings += [line.replace(path, script.path) for line in result.stdout.splitlines()]
    return findings
