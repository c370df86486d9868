"""The shell scripts that everything else hangs on, run with stand-ins for the programs they call."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tree import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "scripts"))
import count_results  # noqa: E402

PASSED = '<testcase name="a"/>'
FAILED = '<testcase name="b"><failure message="x"/></testcase>'
SKIPPED = '<testcase name="c"><skipped/></testcase>'


def results(folder, **parts):
    for name, cases in parts.items():
        (folder / f"{name}.xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return folder


class TestCountResults:
    def test_adds_up_all_parts(self, tmp_path):
        folder = results(tmp_path, unit=PASSED + PASSED + SKIPPED, e2e=PASSED + FAILED)
        assert count_results.total(folder, ["unit", "e2e"], ["e2e"]) == [3, 1, 1]

    def test_a_part_without_a_file_counts_as_one(self, tmp_path):
        assert count_results.total(tmp_path, ["package", "asan"], ["asan"]) == [1, 1, 0]

    def test_a_failed_part_is_never_counted_as_no_failure(self, tmp_path):
        """The tests passed, and then the runner crashed."""
        assert count_results.total(results(tmp_path, unit=PASSED), ["unit"], ["unit"]) == [1, 1, 0]

    @pytest.mark.parametrize("cases, failed, status", [(PASSED, "", 0), (FAILED, "unit", 1), (SKIPPED, "", 1)])
    def test_exit_status(self, tmp_path, cases, failed, status):
        results(tmp_path, unit=cases)
        script = REPOSITORY / "scripts" / "count_results.py"
        run = subprocess.run([sys.executable, script, tmp_path, "unit", failed], capture_output=True, check=False)
        assert run.returncode == status


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


class Machine:
    """A PATH on which packages, apt-get and sudo are stand-ins that note how they were called."""

    def __init__(self, folder):
        self.bin, self.log = folder / "bin", folder / "log"
        self.bin.mkdir()
        self.log.write_text("")
        for name in ("bash", "cat", "rm", "mktemp", "grep", "env"):
            (self.bin / name).symlink_to(shutil.which(name))
        self.stand_in("id", "echo 1000")
        self.stand_in("apt-get", "exit 0")
        self.packages([])

    def stand_in(self, name, body):
        file = self.bin / name
        file.write_text(f'#!{shutil.which("bash")}\necho "{name} $*" >>{self.log}\n{body}\n')
        file.chmod(0o755)

    def packages(self, installed):
        lines = "".join(f"installed {name}\\n" for name in installed)
        self.stand_in("dpkg-query", f'printf "{lines}"')

    def with_sudo(self):
        # Files of the real system are left alone: only apt-get is passed on.
        self.stand_in("sudo", 'case "$1" in env) exec "$@" ;; tee) cat >/dev/null ;; esac')

    def install(self):
        script = REPOSITORY / "scripts" / "install_dependencies.sh"
        return subprocess.run([script, "build"], env={"PATH": str(self.bin)}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)

    def apt_calls(self):
        calls = [line for line in self.log.read_text().splitlines() if line.startswith("apt-get")]
        return ["update" if " update" in call else "install" for call in calls]


ALL = ("g++ cmake ninja-build pkg-config libcli11-dev libfmt-dev libisal-dev liblzf-dev libmimalloc-dev "
       "libsimdjson-dev libspdlog-dev liburing-dev libxxhash-dev").split()


class TestInstallDependencies:
    def test_nothing_missing_calls_nothing(self, machine):
        machine.packages(ALL)
        run = machine.install()
        assert (run.returncode, run.stderr, machine.apt_calls()) == (0, "", [])

    def test_only_what_is_missing_is_installed(self, machine):
        machine.packages(ALL[1:])
        machine.with_sudo()
        run = machine.install()
        assert run.returncode == 0 and "Installing with apt: g++\n" in run.stderr
        assert machine.apt_calls() == ["install"]

    def test_without_root_and_sudo_it_says_what_to_run(self, machine):
        machine.packages(ALL[1:])
        run = machine.install()
        assert run.returncode == 1 and "apt-get install g++" in run.stderr

    def test_package_lists_are_fetched_only_after_a_failure(self, machine, tmp_path):
        machine.with_sudo()
        machine.stand_in("apt-get", f'case "$*" in *update*) echo >{tmp_path}/lists ;; *) [ -e {tmp_path}/lists ] ;; esac')
        assert machine.install().returncode == 0
        assert machine.apt_calls() == ["install", "update", "install"]

    def test_a_failing_install_shows_why(self, machine):
        machine.with_sudo()
        machine.stand_in("apt-get", 'echo "E: no such package"; exit 100')
        run = machine.install()
        assert run.returncode == 1 and "E: no such package" in run.stderr


class TestChangedFiles:
    @pytest.fixture
    def clone(self, tmp_path):
        (tmp_path / "scripts").mkdir()
        shutil.copy(REPOSITORY / "scripts" / "changed_files.sh", tmp_path / "scripts")
        self.folder = tmp_path
        self.git("init", "-q", "-b", "main")
        self.commit("old.cc")
        return tmp_path

    def git(self, *words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=self.folder, check=True,
                       capture_output=True)

    def commit(self, name):
        (self.folder / name).write_text("\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", name)

    def changed(self):
        return subprocess.check_output([self.folder / "scripts" / "changed_files.sh"], text=True).split()

    def test_the_first_commit_changed_everything(self, clone):
        assert self.changed() == ["old.cc"]

    def test_on_main_the_last_commit_counts_and_what_is_not_committed(self, clone):
        self.commit("new.h")
        (pathlib.Path(clone) / "newest.cc").write_text("\n")
        assert self.changed() == ["new.h", "newest.cc"]

    def test_on_a_branch_everything_since_main_counts(self, clone):
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.commit("one.cc")
        self.commit("two.cc")
        assert self.changed() == ["one.cc", "two.cc"]


def test_a_script_knows_its_folder_from_anywhere(tmp_path):
    """./test --help through a link, from another folder."""
    link = tmp_path / "link"
    os.symlink(REPOSITORY / "test", link)
    output = subprocess.check_output([link, "--help"], cwd=tmp_path, text=True)
    assert "./test tidy" in output
