"""npm's ioredis and redis (node-redis) against the server; the checks themselves are JavaScript, in node/."""

import json
import pathlib
import shutil
import subprocess

import pytest

NODE = pathlib.Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def node_modules():
    """Installs exactly what package-lock.json names, unless that was done before."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    installed = NODE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (NODE / "package-lock.json").stat().st_mtime:
        install = subprocess.run(["npm", "ci"], cwd=NODE, capture_output=True, text=True, timeout=300)
        assert install.returncode == 0, install.stderr
        installed.touch()


def test_the_lock_file_names_no_host_to_download_from():
    lock = json.loads((NODE / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


@pytest.mark.parametrize("script", ["ioredis.mjs", "node_redis.mjs"])
def test_node_client_works_unchanged(server, node_modules, script):
    run = subprocess.run(["node", script, str(server.port)], cwd=NODE, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and run.stderr == "", run.stdout + run.stderr
    assert run.stdout.count("ok - ") > 20 and "not ok" not in run.stdout
