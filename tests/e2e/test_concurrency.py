"""Several clients at once: exact totals, one keyspace for all protocols, SCAN while others write."""

import json
import threading

import pytest

from harness import encode_resp


def in_threads(*functions):
    """Runs every function in a thread of its own; the first failure is raised."""
    failures = []

    def run(function):
        try:
            function()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a client hangs"
    if failures:
        raise failures[0]


def rounds(durability, number):
    """Fewer where each waits for the disk."""
    return number // 20 if durability == "always" else number


def test_concurrent_increments_add_up_exactly(server_of_each_mode):
    server, each = server_of_each_mode, 5000

    def resp_client():
        with server.resp() as connection:
            connection.send(encode_resp("INCR", "n") * each)
            values = [connection.read_reply() for _ in range(each)]
            assert values == sorted(set(values))

    def json_client():
        with server.json() as connection:
            connection.send(b"INCR n\n" * each)
            values = [connection.value_of(json.loads(connection.read_line())) for _ in range(each)]
            assert values == sorted(set(values))

    in_threads(*[resp_client] * 4, *[json_client] * 4)
    with server.resp() as connection:
        assert connection.call("GET", "n") == str(8 * each).encode()


def test_appends_from_many_clients_are_whole(server):
    """A value that grows from an inline record to a block of its own under four writers loses and mixes nothing."""
    each, pieces = 2000, [letter * 7 for letter in (b"a", b"b", b"c", b"d")]

    def writer(piece):
        with server.resp() as connection:
            connection.send(encode_resp("APPEND", "k", piece) * each)
            for _ in range(each):
                connection.read_reply()

    in_threads(*[lambda piece=piece: writer(piece) for piece in pieces])
    with server.resp() as connection:
        value = connection.call("GET", "k")
    assert len(value) == 7 * each * len(pieces)
    cut = [value[i:i + 7] for i in range(0, len(value), 7)]
    assert all(cut.count(piece) == each for piece in pieces)


def test_readers_never_see_half_a_multi_key_write(server_of_each_mode, durability):
    """MSET is atomic for MGET."""
    server, writes = server_of_each_mode, rounds(durability, 3000)
    stop = threading.Event()
    keys = [f"k{i}" for i in range(8)]

    def writer(mark):
        with server.resp() as connection:
            for i in range(writes):
                connection.call("MSET", *(word for key in keys for word in (key, f"{mark}{i}")))
        stop.set()

    def reader(protocol):
        with server.connect(protocol) as connection:
            while not stop.is_set():
                assert len(set(connection.call("MGET", *keys))) == 1

    in_threads(lambda: writer("x"), lambda: reader("resp3"), lambda: reader("json"))


def test_readers_never_see_half_a_value(server_of_each_mode, durability):
    server, writes = server_of_each_mode, rounds(durability, 3000)
    stop = threading.Event()
    values = [bytes([97 + i]) * size for i, size in enumerate([10, 3000, 8192, 20000, 100_000])]

    def writer():
        with server.resp() as connection:
            for i in range(writes):
                connection.call("SET", "k", values[i % len(values)])
        stop.set()

    def reader():
        with server.resp() as connection:
            while not stop.is_set():
                assert connection.call("GET", "k") in values or connection.call("EXISTS", "k") == 0

    with server.resp() as connection:
        connection.call("SET", "k", values[0])
    in_threads(writer, reader, reader)


def test_all_protocols_see_the_same_keys_at_once(server_of_each_mode, durability):
    server, count = server_of_each_mode, rounds(durability, 2000)

    def client(protocol):
        with server.connect(protocol) as connection:
            for i in range(count):
                connection.call("SET", f"{protocol}:{i}", f"v{i}")

    protocols = ("json", "resp2", "resp3")
    in_threads(*[lambda protocol=protocol: client(protocol) for protocol in protocols])
    for reader in protocols:
        with server.connect(reader) as connection:
            assert connection.call("DBSIZE") == 3 * count
            for writer in protocols:
                for i in range(0, count, 37):
                    assert connection.call("GET", f"{writer}:{i}") == f"v{i}".encode()


@pytest.mark.parametrize("count_option", [10, 1000])
def test_scan_returns_every_key_that_was_there_all_along(memory_server, count_option):
    """While another client inserts 100,000 keys and deletes them again, so that the table grows under the cursor."""
    server = memory_server
    lasting = [b"lasting:%d" % i for i in range(10_000)]
    stop = threading.Event()
    rounds = []

    def churn():
        with server.resp() as connection:
            while not stop.is_set():
                for name in ("SET", "DEL"):
                    for first in range(0, 100_000, 2000):
                        batch = [("churn:%d" % i,) for i in range(first, first + 2000)]
                        connection.send(b"".join(
                            encode_resp(name, *words, *(["v"] if name == "SET" else [])) for words in batch))
                        for _ in batch:
                            connection.read_line()
                        if stop.is_set() and rounds:
                            return
                rounds.append(None)

    def scan():
        try:
            with server.resp() as connection:
                for _ in range(3):
                    seen, cursor = set(), b"0"
                    while True:
                        cursor, keys = connection.call("SCAN", cursor, "COUNT", count_option)
                        seen.update(keys)
                        if cursor == b"0":
                            break
                    assert seen.issuperset(lasting), f"{len(set(lasting) - seen)} keys missing"
                    assert all(key.startswith((b"lasting:", b"churn:")) for key in seen)
        finally:
            rounds.append(None)
            stop.set()

    with server.resp() as connection:
        connection.send(b"".join(encode_resp("SET", key, "v") for key in lasting))
        for _ in lasting:
            connection.read_reply()
    in_threads(churn, scan)


def test_flushall_and_writers_do_not_disturb_each_other(server):
    def writer():
        with server.resp() as connection:
            for i in range(60):
                connection.send(b"".join(encode_resp("SET", f"k{i}:{j}", "v" * (j * 100)) for j in range(100)))
                for _ in range(100):
                    assert connection.read_reply() == "OK"

    def flusher():
        with server.json() as connection:
            for _ in range(100):
                assert connection.request("FLUSHALL") == {"status": "OK"}
                connection.request("SWAPDB 0 1")

    in_threads(writer, writer, flusher)
    with server.resp() as connection:
        connection.call("FLUSHALL")
        assert connection.call("DBSIZE") == 0


def test_renames_across_shards_do_not_deadlock(server_of_each_mode, durability):
    """Two clients rename between the same keys in opposite directions."""
    server, times = server_of_each_mode, rounds(durability, 3000)
    def client(here, there):
        with server.resp() as connection:
            for i in range(times):
                connection.call("SET", f"{here}{i % 50}", "v")
                connection.raw_call("RENAME", f"{here}{i % 50}", f"{there}{i % 50}")
                connection.raw_call("MSETNX", f"{there}{i % 50}", "1", f"{here}{i % 50}", "2")

    in_threads(lambda: client("a", "b"), lambda: client("b", "a"), lambda: client("a", "b"))
