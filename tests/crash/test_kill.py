"""kill -9 in the middle of writes, again and again on the same data: what clients saw must stay true.

KVSTORE_CRASH_ROUNDS=200 makes it thorough: so many kills for each event loop in each mode.
"""

import os
import random
import shutil
import time

import pytest

from harness import Server
from workload import Load

ROUNDS = int(os.environ.get("KVSTORE_CRASH_ROUNDS", "8"))
ROUNDS_ON_THE_SAME_DATA = 8
ADMIN = {
    "flush": [("FLUSH", '{"status": "OK", "message": "All data flushed to disk"}')],
    "snapshot": [("SNAPSHOT", '{"status": "OK", "message": "Snapshot saved to kvstore.db.snapshot"}')],
}
ADMIN["both"] = ADMIN["flush"] + ADMIN["snapshot"]


def kill_while_it_loads(io, mode, directory, options, choice):
    server = Server(io, *options, durability=mode, directory=directory, ready=False)
    time.sleep(choice.random() * 0.1)
    server.kill()
    # Nothing else may have ended it.
    assert server.process.returncode == -9, server.stderr


def run_rounds(io, mode, directory, seed, rounds, options, admin):
    """So many kills on the same data; returns how many replies came in all."""
    choice = random.Random(seed)
    load = Load(choice.random())
    for _ in range(rounds):
        server = Server(io, *options, durability=mode, directory=directory)
        try:
            load.read_all(server)
            load.begin(server, clients=choice.choice([4, 8, 16]), admin=admin)
            before = load.replies
            time.sleep(0.02 + choice.random() * 0.5)
            assert server.alive(), f"the server ended with {server.process.poll()}\n{server.stderr}"
            load.expect_crash()
        finally:
            server.kill()
        load.join()
        assert load.replies > before, "no client got a reply before the kill"
        while choice.random() < 0.4:
            kill_while_it_loads(io, mode, directory, options, choice)
    server = Server(io, *options, durability=mode, directory=directory)
    try:
        load.read_all(server)
    finally:
        server.stop()
    violations = load.violations()
    assert violations == [], f"seed {seed}, data kept in {directory}\n" + "\n".join(violations[:20])
    return load.replies


@pytest.mark.parametrize("options, admin", [([], "flush"), (["--snapshot-log-mib", 4], "both")],
                         ids=["log", "snapshots"])
@pytest.mark.parametrize("mode", ["always", "everysec"])
def test_kill_9_loses_nothing(io, mode, options, admin, tmp_path_factory):
    left = ROUNDS
    while left > 0:
        rounds = min(left, ROUNDS_ON_THE_SAME_DATA)
        directory = tmp_path_factory.mktemp("killed")
        run_rounds(io, mode, directory, random.randrange(2**32), rounds, options, ADMIN[admin])
        shutil.rmtree(directory)  # only what failed is kept
        left -= rounds
