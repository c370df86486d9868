"""The files that the tidy checks read, and what a finding is.

A check is a function that takes a list of Source and returns findings as text ("path:line: what is wrong"), so that its
own test can hand it made-up files.
"""

import os
import pathlib
import re
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CPP_SUFFIXES = (".h", ".cc")
TEXT_SUFFIXES = (*CPP_SUFFIXES, ".py", ".sh", ".md", ".cmake", ".txt", ".json", ".js", ".mjs", ".ini", ".service")
IGNORED_FOLDERS = {".git", "build", "node_modules", "__pycache__", ".pytest_cache", "kvstore-data"}


class Source:
    """One text file: its path from the root with '/', its text and its lines."""

    def __init__(self, path, text, executable=False):
        self.path, self.text, self.executable = path, text, executable
        self.lines = text.splitlines()
        self.suffix = pathlib.PurePosixPath(path).suffix
        self.name = pathlib.PurePosixPath(path).name
        self.folder = str(pathlib.PurePosixPath(path).parent)

    @property
    def is_cpp(self):
        return self.suffix in CPP_SUFFIXES

    @property
    def is_header(self):
        return self.suffix == ".h"

    @property
    def is_test(self):
        return self.path.startswith("tests/") or self.name.endswith("_test.cc")

    @property
    def room(self):
        """The room under src/, or the first folder for what lies elsewhere."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0]

    def at(self, line_number, message):
        return f"{self.path}:{line_number}: {message}"


def paths_in_repository():
    """Tracked files and new ones that are not ignored; without git (an unpacked archive) every file."""
    git = subprocess.run(["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         capture_output=True, check=False)
    if git.returncode == 0:
        return sorted(path for path in set(git.stdout.decode().split("\0")) if path and (REPOSITORY / path).is_file())
    found = []
    for folder, folders, files in os.walk(REPOSITORY):
        folders[:] = [name for name in folders if name not in IGNORED_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, name), REPOSITORY) for name in files]
    return sorted(found)


def load_sources():
    """Every text file of the repository; a file with an unknown ending counts when it begins with '#!'."""
    sources = []
    for path in paths_in_repository():
        file = REPOSITORY / path
        data = file.read_bytes()
        is_text = file.suffix in TEXT_SUFFIXES or data.startswith(b"#!") or file.name in ("LICENSE", ".gitignore")
        if is_text and b"\0" not in data:
            sources.append(Source(path, data.decode("utf-8", errors="replace"), os.access(file, os.X_OK)))
    return sources


def code_only(line):
    """A line of C++ without its // comment and with the contents of its strings blanked."""
    line = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
    return line.split("//", 1)[0]
