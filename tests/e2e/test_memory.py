"""What keys cost in memory, and an empty server: resident bytes of a real process.

What a million keys cost after loading is in test_robustness.py.
"""

import random
import time

import pytest

COUNT = 1_000_000
BATCH = 10_000
REST_S = 2.0
KEY = [b"$16\r\n%016d\r\n" % i for i in range(COUNT)]
SET = b"*3\r\n$3\r\nSET\r\n"
DEL = b"*2\r\n$3\r\nDEL\r\n"


def value(size):
    return b"$%d\r\n%s\r\n" % (size, b"v" * size)


def write_all(connection, values):
    """Sets every key, to a value out of `values`."""
    choice = random.Random(len(values))
    for first in range(0, COUNT, BATCH):
        chosen = choice.choices(values, k=BATCH)
        connection.send(b"".join(SET + key + value for key, value in zip(KEY[first:first + BATCH], chosen)))
        assert connection.read_exactly(5 * BATCH) == b"+OK\r\n" * BATCH


def least_within_rest(server, enough):
    """The resident bytes, once they are `enough` or the server had time for what it does when idle."""
    deadline = time.monotonic() + REST_S
    while (resident := server.rss_bytes()) > enough and time.monotonic() < deadline:
        time.sleep(0.01)
    return resident


@pytest.mark.slow
def test_overwriting_and_deleting_give_memory_back(start_server, memory_figures):
    """Ten rounds of values of 8 to 200 bytes, then 32 bytes again; then 19 of 20 keys go."""
    server = start_server(durability="none")
    with server.resp() as connection:
        # Connections have buffers, whose size has nothing to do with the number of keys.
        connection.send((SET + KEY[0] + value(200)) * BATCH)
        assert connection.read_exactly(5 * BATCH) == b"+OK\r\n" * BATCH
        connection.call("FLUSHALL")
        before = server.rss_bytes()
        write_all(connection, [value(32)])
        loaded = server.rss_bytes() - before
        assert loaded / COUNT <= 64
        for _ in range(10):
            write_all(connection, [value(size) for size in range(8, 201)])
        write_all(connection, [value(32)])
        overwritten = least_within_rest(server, before + 75 * COUNT) - before
        assert overwritten / COUNT <= 75
        for first in range(0, COUNT, BATCH):
            keys = [KEY[i] for i in range(first, first + BATCH) if i % 20 != 0]
            connection.send(b"".join(DEL + key for key in keys))
            assert connection.read_exactly(4 * len(keys)) == b":1\r\n" * len(keys)
        assert connection.call("DBSIZE") == COUNT // 20
        left = least_within_rest(server, before + loaded / 2) - before
        print(f"bytes a key: {loaded / COUNT:.1f}, {overwritten / COUNT:.1f}, {left / COUNT:.1f}")
        assert left <= loaded / 2


def test_an_empty_server_is_under_8_mb(start_server, memory_figures):
    assert start_server().rss_bytes() < 8_000_000
