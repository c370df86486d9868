"""Real power cuts: ext4 that goes down at a random moment, with a random part of what the kernel holds written.

KVSTORE_POWER_CUTS=200 makes it thorough: so many cuts for each event loop in each mode.
"""

import os
import pathlib
import random
import signal
import time

import pytest

from disks import Ext4, write_some_pages
from harness import Server
from test_kill import ADMIN
from workload import Load

CUTS = int(os.environ.get("KVSTORE_POWER_CUTS", "4"))
CUTS_ON_THE_SAME_DATA = 8


def stop_the_world(server):
    """Stops every thread of the server where it is."""
    server.signal(signal.SIGSTOP)
    deadline = time.monotonic() + 1
    tasks = pathlib.Path(f"/proc/{server.pid}/task")
    while time.monotonic() < deadline:
        states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks.iterdir()]
        if all(state == "T" for state in states):
            return
        time.sleep(0.002)


def run_cuts(io, mode, disk, seed, cuts, options, admin):
    """So many power cuts on the same data; returns how many replies came in all."""
    choice = random.Random(seed)
    load = Load(choice.random())
    for _ in range(cuts):
        server = Server(io, *options, durability=mode, directory=disk.path)
        try:
            load.read_all(server)
            load.synced = time.monotonic()  # it came from the disk
            load.begin(server, clients=choice.choice([4, 8]), admin=admin)
            time.sleep(0.02 + choice.random() * 0.6)
            assert server.alive(), f"the server ended with {server.process.poll()}\n{server.stderr}"
            load.expect_crash()
            stop_the_world(server)
            share = choice.choice([0, 0.3, 0.8])
            for segment in server.data_directory.glob("kvstore.db.wal.*"):
                write_some_pages(segment, share, choice)
            disk.cut_power()
        finally:
            server.kill()
        load.join()
        if mode == "everysec":
            load.forget_after(load.synced)
        disk.power_up()
    server = Server(io, *options, durability=mode, directory=disk.path)
    try:
        load.read_all(server)
    finally:
        server.stop()
    violations = load.violations()
    assert violations == [], f"seed {seed}\n" + "\n".join(violations[:20])
    return load.replies


@pytest.mark.parametrize("mode", ["always", "everysec"])
def test_a_power_cut_takes_back_nothing_that_was_promised(io, mode):
    """Always: every reply. Everysec: every reply before a FLUSH; and of a MSET never a part."""
    left = CUTS
    while left > 0:
        cuts = min(left, CUTS_ON_THE_SAME_DATA)
        with Ext4(mib=192) as disk:
            run_cuts(io, mode, disk, random.randrange(2**32), cuts, ["--snapshot-log-mib", 4], ADMIN["both"])
        left -= cuts


def test_a_cut_loses_what_was_not_synced_and_nothing_else():
    """The tool of the test above does what it says."""
    with Ext4(mib=16) as disk:
        synced, lost = disk.path / "synced", disk.path / "lost"
        for path in (synced, lost):
            path.write_bytes(b"a" * 8 * 4096)
        os.sync()
        with synced.open("r+b") as one, lost.open("r+b") as other:
            one.write(b"b" * 8 * 4096)
            other.write(b"b" * 8 * 4096)
            one.flush()
            other.flush()
            os.fsync(one.fileno())
            (disk.path / "unsynced").touch()
            disk.cut_power()
        disk.power_up()
        assert synced.read_bytes() == b"b" * 8 * 4096
        assert lost.read_bytes() == b"a" * 8 * 4096
        assert not (disk.path / "unsynced").exists()
