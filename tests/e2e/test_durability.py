"""What is on disk: what a restart keeps, what the commands about it say, and how a server starts on data it finds."""

import itertools
import os
import re
import signal
import time

import pytest

from harness import Connection, RespError, Server, ServerDidNotStart, encode_resp, free_port

KEEPING = ["always", "everysec"]


def restart(start_server, server, how, *options, **more):
    """Ends the server, by SIGTERM, SIGKILL or a command, and starts another on its directory."""
    if how in (signal.SIGTERM, signal.SIGKILL):
        server.signal(how)
    else:
        with server.resp() as connection:
            connection.send(encode_resp(*how.split()))
            assert connection.read_until_closed() == b""
    assert server.wait() == (-9 if how == signal.SIGKILL else 0), server.stderr
    return start_server(*options, directory=server.directory, **more)


ENDS = [signal.SIGTERM, signal.SIGKILL, "SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE"]


@pytest.mark.parametrize("how", ENDS, ids=str)
@pytest.mark.parametrize("mode", KEEPING)
def test_a_restart_keeps_everything(start_server, data_home, mode, how):
    """All databases, every byte in keys and values, values of all sizes."""
    server = start_server(durability=mode, directory=data_home)
    contents = {}
    for db in range(16):
        rows = {b"db": b"%d" % db, b"": b"the empty key", bytes(range(256)): bytes(reversed(range(256))), b"empty": b""}
        rows |= {b"\r\n*%d" % size: bytes([97 + db]) * size for size in (1, 60, 4096, 70_000)}
        contents[db] = rows
    contents[3] |= {b"large": os.urandom(5 << 20), b"\xff" * 3000: b"a long key"}
    with server.resp() as connection:
        for db, rows in contents.items():
            connection.call("SELECT", db)
            for key, value in rows.items():
                assert connection.call("SET", key, value) == "OK"
            # Things that must not come back.
            connection.call("MSET", "gone", "1", "moved", "2", "changed", "3")
            connection.call("DEL", "gone")
            connection.call("RENAME", "moved", "there")
            connection.call("APPEND", "changed", "4")
            connection.call("INCRBY", "changed", "8")
    for rows in contents.values():
        rows |= {b"there": b"2", b"changed": b"42"}
    server = restart(start_server, server, how, durability=mode)
    with server.resp() as connection:
        for db, rows in contents.items():
            connection.call("SELECT", db)
            assert connection.call("DBSIZE") == len(rows)
            for key, value in rows.items():
                assert connection.call("GET", key) == value, (db, key[:50])


def test_flushall_flushdb_and_swapdb_survive(start_server, data_home):
    server = start_server(directory=data_home)
    with server.resp() as connection:
        connection.call("SET", "first", "1")
        connection.call("FLUSHALL")
        connection.call("SET", "k", "0")
        connection.call("SELECT", "5")
        connection.call("SET", "k", "5")
        connection.call("SWAPDB", "0", "5")
        connection.call("SELECT", "7")
        connection.call("SET", "k", "7")
        connection.call("FLUSHDB")
    server = restart(start_server, server, signal.SIGKILL)
    with server.resp() as connection:
        assert connection.call("KEYS", "*") == [b"k"] and connection.call("GET", "k") == b"5"
        connection.call("SELECT", "5")
        assert connection.call("GET", "k") == b"0"
        connection.call("SELECT", "7")
        assert connection.call("DBSIZE") == 0


def test_the_mode_and_the_size_of_log_files_may_change(start_server, data_home):
    server = start_server(directory=data_home)
    steps = [("everysec", 2), ("always", 3), ("everysec", 3), ("always", 2), ("always", 2)]
    for number, (mode, mib) in enumerate(steps):
        with server.resp() as connection:
            for i in range(30):
                connection.call("SET", f"{number}:{i}", f"{number}" * 70_000)
        server = restart(start_server, server, [signal.SIGTERM, signal.SIGKILL][number % 2], "--log-segment-mib", mib,
                         durability=mode)
    with server.resp() as connection:
        assert connection.call("DBSIZE") == 30 * len(steps)
        for number, i in itertools.product(range(len(steps)), range(30)):
            assert connection.call("GET", f"{number}:{i}") == b"%d" % number * 70_000


def test_without_durability_nothing_is_written_and_nothing_is_read(start_server, data_home):
    server = start_server(durability="none", directory=data_home)
    server.resp().call("SET", "k", "v")
    assert os.listdir(data_home) == []
    server.stop()
    server = start_server(directory=data_home)
    with server.resp() as connection:
        assert connection.call("DBSIZE") == 0
        connection.call("SET", "kept", "v")
    server = restart(start_server, server, signal.SIGTERM, durability="none")
    with server.resp() as connection:
        assert connection.call("DBSIZE") == 0
        connection.call("SET", "other", "v")
    server = restart(start_server, server, signal.SIGTERM)
    with server.resp() as connection:
        assert connection.call("KEYS", "*") == [b"kept"]


# --- commands about the disk ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", KEEPING)
def test_waitaof_waits_for_the_disk(start_server, mode):
    server = start_server(durability=mode)
    with server.resp() as connection:
        for i in range(20):
            connection.call("SET", "k", i)
            assert connection.call("WAITAOF", "1", "0", "0") == [1, 0]
        assert connection.call("WAITAOF", "0", "0", "0")[1] == 0
        assert connection.call("WAITAOF", "1", "1", "20") == [1, 0]  # there is no replica, so the time runs out
    with server.json() as connection:
        connection.call("SET", "k", "v")
        assert connection.request("WAITAOF 1 0 0") == {"status": "OK", "value": [1, 0]}


def test_waitaof_without_persistence(memory_server):
    with memory_server.resp() as connection:
        assert connection.call("WAITAOF", "0", "0", "0") == [0, 0]
        with pytest.raises(RespError, match="WAITAOF cannot be used when numlocal is set but appendonly is disabled"):
            connection.call("WAITAOF", "1", "0", "0")


@pytest.mark.parametrize("mode", KEEPING)
def test_flush_covers_what_came_before_it_on_the_same_connection(start_server, mode):
    server = start_server(durability=mode)
    with server.json() as connection:
        connection.send(b"".join(b"SET k%d v\n" % i for i in range(500)) + b"FLUSH\nGET k499\n")
        for i in range(500):
            assert connection.read_line() == b'{"status": "OK", "message": "Key \'k%d\' set"}\n' % i
        assert connection.read_line() == b'{"status": "OK", "message": "All data flushed to disk"}\n'
        assert connection.read_line() == b'{"status": "OK", "value": "v"}\n'


# --- starting on what is there -------------------------------------------------------------------------------------


def failed_start(start_server, directory, *options, **more):
    with pytest.raises(ServerDidNotStart) as failure:
        start_server(*options, directory=directory, **more)
    assert "listening" not in failure.value.stdout
    return failure.value


def test_a_second_server_on_the_same_data_is_refused(start_server, data_home):
    server = start_server(directory=data_home)
    server.resp().call("SET", "k", "v")
    failure = failed_start(start_server, data_home)
    assert failure.status == 1
    assert re.search(rf"kvstore-data: the directory is in use by another server.*{server.pid}", failure.stderr)
    # The first is not disturbed, and when it is gone, however it ended, another may come.
    assert server.resp().call("GET", "k") == b"v"
    server = restart(start_server, server, signal.SIGKILL)
    assert server.resp().call("GET", "k") == b"v"


def test_a_data_directory_that_cannot_be_made_is_named(start_server, data_home):
    failure = failed_start(start_server, data_home, "--data-dir", "/proc/no/such")
    assert failure.status == 1 and "/proc/no/such" in failure.stderr


def fill_log(server, writes=50):
    """Writes that wait for one another, so that each is a batch of its own."""
    with server.resp() as connection:
        for i in range(writes):
            connection.call("SET", f"k{i}", f"value of {i}")


PAGE = 4096


def batches_of(segment):
    """Offsets of the batches in a log file, by their first bytes."""
    data = segment.read_bytes()
    return [at for at in range(PAGE, len(data), PAGE) if data[at:at + 4] == b"KVB1"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=str)
@pytest.mark.parametrize("what", ["payload", "header", "page of zeros"])
def test_damage_to_acknowledged_data_is_named_and_nothing_is_served(start_server, data_home, how, what):
    server = start_server(directory=data_home)
    fill_log(server)
    server.signal(how)
    server.wait()
    segment = server.data_directory / "kvstore.db.wal.000001"
    offset = batches_of(segment)[20]
    with segment.open("r+b") as file:
        file.seek(offset + {"payload": 70, "header": 20, "page of zeros": 0}[what])
        old = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes(PAGE) if what == "page of zeros" else bytes([old[0] ^ 0x10]))
    before = {path.name: path.read_bytes() for path in server.data_directory.glob("kvstore.db.wal.*")}
    for _ in range(2):  # a refusal changes nothing
        failure = failed_start(start_server, data_home)
        assert failure.status == 3
        assert re.search(rf"kvstore\.db\.wal\.000001 in \S*kvstore-data is damaged at offset {offset} \(LSN \d+\)",
                         failure.stderr), failure.stderr
        assert before == {path.name: path.read_bytes() for path in server.data_directory.glob("kvstore.db.wal.*")}


def test_a_missing_log_file_is_damage(start_server, data_home):
    server = start_server(directory=data_home)
    with server.resp() as connection:
        for i in range(6):
            connection.call("SET", f"k{i}", os.urandom(1 << 20))
    server.stop()
    segments = sorted(server.data_directory.glob("kvstore.db.wal.*"))
    assert len(segments) >= 3
    segments[1].unlink()
    failure = failed_start(start_server, data_home)
    assert failure.status == 3 and segments[1].name in failure.stderr, failure.stderr


def test_a_torn_tail_is_cut_and_said(start_server, data_home):
    """Bytes behind the last batch that look like one, but are not: what a power loss leaves."""
    server = start_server(directory=data_home)
    fill_log(server)
    server.signal(signal.SIGKILL)
    server.wait()
    segment = server.data_directory / "kvstore.db.wal.000001"
    batches = batches_of(segment)
    with segment.open("r+b") as file:
        file.seek(batches[-2])
        torn = bytearray(file.read(PAGE))
        torn[100] ^= 1
        file.seek(batches[-1] + PAGE)
        file.write(torn)
    server = start_server(directory=data_home)
    with server.resp() as connection:
        assert connection.call("DBSIZE") == 50 and connection.call("GET", "k49") == b"value of 49"


@pytest.fixture(scope="module")
def large_log(tmp_path_factory, io):
    """A directory whose log takes a moment to load, and the number that its counter has reached."""
    directory = tmp_path_factory.mktemp("large")
    server = Server(io, "--log-segment-mib", 16, durability="everysec", directory=directory)
    rounds, each = 15, 100_000
    request = encode_resp("INCR", "n") * each
    with server.resp() as connection:
        for i in range(rounds):
            sender = connection.send_in_background(request)
            for _ in range(each):
                connection.read_line()
            sender.join()
    server.stop()
    return directory, rounds * each


def connect_early(port):
    """A connection to a server that is only just starting."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return Connection(port)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nobody listens"


def test_while_it_loads_a_server_says_so(start_server, large_log):
    directory, number = large_log
    server = start_server("--log-segment-mib", 16, directory=directory, port=free_port(), ready=False)
    with connect_early(server.port) as connection, connect_early(server.port) as json_lines:
        connection.send(encode_resp("GET", "n") + encode_resp("SET", "n", "0") + encode_resp("INFO", "persistence"))
        json_lines.send(b"GET n\n")
        loading = b"LOADING kvstore is loading the dataset in memory"
        assert connection.read_line() == connection.read_line() == b"-" + loading + b"\r\n"
        assert b'"code": "LOADING"' in json_lines.read_line()
        info = connection.read_exactly(int(connection.read_line()[1:-2]) + 2)
        assert b"\r\nloading:1\r\n" in info and b"\r\nloading_total_bytes:" in info
        server.wait_until_ready()
        connection.send(encode_resp("GET", "n"))
        assert connection.read_line() == b"$%d\r\n" % len(str(number))
        assert connection.read_line() == b"%d\r\n" % number
        connection.send(encode_resp("INFO", "persistence"))
        assert b"\r\nloading:0\r\n" in connection.read_exactly(int(connection.read_line()[1:-2]) + 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=str)
def test_a_server_may_be_ended_while_it_loads(start_server, large_log, number):
    directory, count = large_log
    server = start_server("--log-segment-mib", 16, directory=directory, port=free_port(), ready=False)
    with connect_early(server.port) as connection:
        connection.send(encode_resp("GET", "n"))
        assert connection.read_line().startswith(b"-LOADING")
    server.signal(number)
    assert server.wait() == (-9 if number == signal.SIGKILL else 0), server.stderr
    assert "listening" not in server.stdout
    server = start_server("--log-segment-mib", 16, directory=directory)
    assert server.resp().call("GET", "n") == str(count).encode()


@pytest.mark.parametrize("words", [["SHUTDOWN"], ["SHUTDOWN", "SAVE"], ["SHUTDOWN", "NOSAVE"]], ids=" ".join)
def test_shutdown_while_it_loads_ends_it_and_keeps_the_files(start_server, large_log, words):
    directory, count = large_log
    server = start_server("--log-segment-mib", 16, directory=directory, port=free_port(), ready=False)
    with connect_early(server.port) as connection:
        connection.send(encode_resp("GET", "n") + encode_resp(*words))
        assert connection.read_line().startswith(b"-LOADING")
        assert server.wait() == 0, server.stderr
    server = start_server("--log-segment-mib", 16, directory=directory)
    assert server.resp().call("GET", "n") == str(count).encode()
