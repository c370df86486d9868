"""A full disk: writers are told, reads and deletions go on, and writing goes on by itself once there is room."""

import errno
import itertools
import time

import pytest

from disks import Ext4, Tmpfs
from harness import RespError, Server

SMALL_DISKS = {"tmpfs": lambda: Tmpfs(mib=16), "ext4": lambda: Ext4(mib=32)}
REFUSAL = "NOSPACE the disk is full: writes are refused until there is room; reads and deletes go on"


@pytest.fixture(params=SMALL_DISKS)
def small_disk(request):
    with SMALL_DISKS[request.param]() as disk:
        yield disk


def fill_up(path):
    """A file that takes what is left of its disk."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC


def value_of(i):
    return b"%d-" % i * (10_000 + i % 7 * 3000)


def fill(connection, first=0):
    """SETs until even a small one is refused; returns the numbers that were acknowledged."""
    acknowledged = []
    for i in itertools.count(first):
        try:
            assert connection.call("SET", f"k{i}", value_of(i)) == "OK"
            acknowledged.append(i)
        except RespError as error:
            assert str(error) == REFUSAL
            break
        assert i < first + 10_000, "the disk does not get full"
    for size in (500, 0):
        with pytest.raises(RespError, match=REFUSAL):
            for _ in range(10_000):
                connection.call("SET", "small", "v" * size)
    connection.call("DEL", "small")
    return acknowledged


def wait_for_log_files(server, count):
    deadline = time.monotonic() + 10
    while (found := len(list(server.data_directory.glob("kvstore.db.wal.*")))) != count:
        assert time.monotonic() < deadline, f"{found} files, not {count}"
        time.sleep(0.02)


def expect_contents(connection, numbers):
    assert connection.call("DBSIZE") == len(numbers)
    for i in numbers:
        assert connection.call("GET", f"k{i}") == value_of(i), i


def wait_until_accepted(connection, *words):
    deadline = time.monotonic() + 60
    while True:
        try:
            return connection.call(*words)
        except RespError as error:
            assert str(error) == REFUSAL
            assert time.monotonic() < deadline, "writing does not go on though there is room"
            time.sleep(0.05)


@pytest.mark.parametrize("mode", ["always", "everysec"])
def test_full_disk(io, mode, small_disk):
    ballast = small_disk.path / "ballast"
    ballast.write_bytes(bytes(5 << 20))
    options = ["--snapshot-log-mib", 0]
    server = Server(io, *options, durability=mode, directory=small_disk.path)
    try:
        with server.resp() as connection, server.json() as json_lines:
            kept = fill(connection)
            assert len(kept) > 20
            # Refused again and again, in every protocol, and by every command that writes; nothing changes.
            for words in (["SET", "other", "v"], ["MSET", "other", "v", "k0", "v"], ["APPEND", "k0", "v"],
                          ["INCR", "other"], ["RENAME", "k0", "other"], ["SETRANGE", "k0", "0", "v"]):
                with pytest.raises(RespError, match=REFUSAL):
                    connection.call(*words)
            assert json_lines.request("SET other v")["code"] == "NOSPACE"
            expect_contents(connection, kept)
            assert connection.call("FLUSH") == "All data flushed to disk"
            for i in kept[:5]:
                assert connection.call("DEL", f"k{i}") == 1
            kept = kept[5:]
            expect_contents(connection, kept)

        # A crash on the full disk, and a start on it.
        server.kill()
        server = Server(io, *options, durability=mode, directory=small_disk.path)
        with server.resp() as connection:
            expect_contents(connection, kept)
            more = fill(connection, first=20_000)  # what a start frees, if it does
            assert connection.call("DEL", f"k{kept[0]}") == 1
            kept = kept[1:] + more
            expect_contents(connection, kept)

            ballast.unlink()
            assert wait_until_accepted(connection, "SET", "k30000", value_of(30_000)) == "OK"
            kept += [30_000, *fill(connection, first=30_001)]
            expect_contents(connection, kept)
        server.kill()
        server = Server(io, *options, durability=mode, directory=small_disk.path)
        with server.resp() as connection:
            expect_contents(connection, kept)
        server.stop()
    finally:
        server.kill()


@pytest.mark.parametrize("size", [800_000, 1_500_000, 1_900_000])
def test_values_too_large_for_what_is_left_are_refused_at_once(io, small_disk, size):
    """A value that what is left of the log cannot hold must not wait until there is room again."""
    server = Server(io, "--snapshot-log-mib", 0, durability="always", directory=small_disk.path)
    try:
        with server.resp() as connection, server.resp() as reader:
            kept = []
            for i in range(40):
                try:
                    connection.call("SET", f"large{i}", bytes([65 + i]) * size)
                    kept.append(i)
                except RespError as error:
                    assert str(error) == REFUSAL
                    break
            assert 1 < len(kept) < 30
            for i in kept:
                assert reader.call("GET", f"large{i}") == bytes([65 + i]) * size
            with pytest.raises(RespError, match=REFUSAL):
                connection.call("COPY", "large1", "copied")
            assert reader.call("DEL", "large0") == 1
        server.kill()
        server = Server(io, "--snapshot-log-mib", 0, durability="always", directory=small_disk.path)
        with server.resp() as connection:
            assert connection.call("DBSIZE") == len(kept) - 1
        server.stop()
    finally:
        server.kill()


def test_files_kept_for_the_log_give_way_to_a_snapshot(io):
    with Tmpfs(mib=64) as disk:
        server = Server(io, "--snapshot-log-mib", 0, durability="always", directory=disk.path)
        try:
            with server.resp() as connection:
                for _ in range(4):
                    for i in range(30):
                        connection.call("SET", f"k{i}", value_of(i))
                for _ in range(2):  # the log is let go when the snapshot before covers it
                    connection.call("SNAPSHOT")
                wait_for_log_files(server, 6)  # the one in use, two ready, and what was let go
                fill_up(disk.path / "ballast")
                with pytest.raises(RespError, match="(?i)space"):
                    connection.call("SNAPSHOT")
                wait_for_log_files(server, 3)
                assert connection.call("SNAPSHOT") == "Snapshot saved to kvstore.db.snapshot"
                expect_contents(connection, range(30))
            server.stop()
        finally:
            server.kill()


def test_a_snapshot_that_does_not_fit_is_an_error_and_changes_nothing(io, small_disk):
    ballast = small_disk.path / "ballast"
    server = Server(io, "--snapshot-log-mib", 0, durability="always", directory=small_disk.path)
    try:
        with server.resp() as connection:
            for i in range(30):
                connection.call("SET", f"k{i}", value_of(i))
            assert connection.call("SNAPSHOT") == "Snapshot saved to kvstore.db.snapshot"
            fill_up(ballast)
            for _ in range(3):
                with pytest.raises(RespError, match="(?i)space"):
                    connection.call("SNAPSHOT")
            expect_contents(connection, range(30))
            assert not (server.data_directory / "kvstore.db.snapshot.tmp").exists()
            ballast.unlink()
            assert connection.call("SNAPSHOT") == "Snapshot saved to kvstore.db.snapshot"
        server.kill()
        server = Server(io, "--snapshot-log-mib", 0, durability="always", directory=small_disk.path)
        with server.resp() as connection:
            expect_contents(connection, range(30))
        server.stop()
    finally:
        server.kill()
