"""The same commands to this server and to redis-server: the replies must be the same bytes."""

import random

import pytest

from harness import encode_resp
from redis_sequences import SEQUENCES, STREAMS


def words_of(command):
    return command.split(" ") if isinstance(command, str) else command


def row_id(row):
    return row[0]


@pytest.fixture
def both(server, redis_server):
    with redis_server.resp() as connection:
        connection.call("FLUSHALL")
    return server, redis_server


def test_each_rule_is_named_once():
    for rows in (SEQUENCES, STREAMS):
        assert len({name for name, _ in rows}) == len(rows)


@pytest.mark.parametrize("version", [2, 3], ids=["resp2", "resp3"])
@pytest.mark.parametrize("row", SEQUENCES, ids=row_id)
def test_replies_are_those_of_redis(both, row, version):
    ours, theirs = both
    with ours.resp(version) as our_connection, theirs.resp(version) as their_connection:
        for command in row[1]:
            expected = their_connection.raw_call(*words_of(command))
            assert our_connection.raw_call(*words_of(command)) == expected, f"to {command!r}"


@pytest.mark.parametrize("row", SEQUENCES, ids=row_id)
def test_pipelined_replies_are_those_of_redis(both, row):
    ours, theirs = both
    stream = b"".join(encode_resp(*words_of(command)) for command in row[1]) + encode_resp("QUIT")
    received = []
    for server in (ours, theirs):
        with server.resp() as connection:
            connection.send(stream)
            received.append(connection.read_until_closed())
    assert received[0] == received[1]


@pytest.mark.parametrize("row", STREAMS, ids=row_id)
def test_protocol_errors_are_those_of_redis(both, row):
    """The same bytes come back, and the connection stays open or is closed as there."""
    ours, theirs = both
    received = []
    for server in (ours, theirs):
        with server.resp() as connection:
            try:
                connection.send(row[1])
                connection.half_close()
            except (BrokenPipeError, ConnectionResetError, OSError):
                pass  # closed while we were still sending
            received.append(connection.read_until_closed())
    assert received[0] == received[1]


@pytest.mark.parametrize("row", STREAMS, ids=row_id)
def test_protocol_errors_do_not_depend_on_packets(single_thread_server, redis_server, row):
    """The same streams a byte at a time (the long ones in pieces)."""
    with redis_server.resp() as connection:
        connection.call("FLUSHALL")
        connection.send(row[1])
        try:
            connection.half_close()
        except OSError:
            pass
        expected = connection.read_until_closed()
    step = 1 if len(row[1]) < 1000 else 1500
    with single_thread_server.resp() as barrier, single_thread_server.resp() as connection:
        try:
            for i in range(0, len(row[1]), step):
                connection.send(row[1][i:i + step])
                barrier.call("PING")
            connection.half_close()
        except OSError:
            pass  # the server had seen enough
        received = connection.read_until_closed()
    # Bytes that reach a closed connection reset it, and a reset can overtake the reply.
    assert received == expected or (received == b"" and b"Protocol error" in expected)


KEY_PATTERNS = ["*", "us*", "user:[12]?", "*:1??", "o*:9"]
SCAN_OPTIONS = [[], ["MATCH", "us*"], ["COUNT", "7"], ["MATCH", "*:1??", "COUNT", "1000"], ["TYPE", "string"],
                ["TYPE", "hash"]]


def test_keys_and_scan_return_the_same_set(both):
    ours, theirs = both
    names = [f"{prefix}:{i}" for prefix in ("user", "usher", "order") for i in range(300)]
    answers = []
    for server in (ours, theirs):
        with server.resp() as connection:
            for name in names:
                connection.call("SET", name, "v")
            answer = [sorted(connection.call("KEYS", pattern)) for pattern in KEY_PATTERNS]
            for options in SCAN_OPTIONS:
                seen, cursor = set(), b"0"
                while True:
                    cursor, keys = connection.call("SCAN", cursor, *options)
                    seen.update(keys)
                    if cursor == b"0":
                        break
                answer.append(sorted(seen))
            answer.append(connection.call("RANDOMKEY").decode() in names)
            answers.append(answer)
    assert answers[0] == answers[1]


def random_command(choice):
    """One command over few keys, so that commands meet each other's results."""
    key = lambda: choice.choice("abcd")
    word = lambda: choice.choice(["", "0", "1", "-1", "10", "9223372036854775807", "1.5", "abc", "x" * 100, "y" * 9000,
                                  b"\xff\x00"])
    index = lambda: choice.choice(["0", "1", "-1", "3", "-3", "50", "-50", "8999", "x"])
    options = lambda: choice.sample(["NX", "XX", "GET", "KEEPTTL"], choice.choice([0, 0, 0, 1, 2]))
    return choice.choice([
        lambda: ("SET", key(), word(), *options()),
        lambda: ("GET", key()),
        lambda: ("GETDEL", key()),
        lambda: ("GETSET", key(), word()),
        lambda: ("SETNX", key(), word()),
        lambda: ("APPEND", key(), word()),
        lambda: ("STRLEN", key()),
        lambda: ("GETRANGE", key(), index(), index()),
        lambda: ("SETRANGE", key(), index(), word()),
        lambda: ("INCR", key()),
        lambda: ("DECRBY", key(), word()),
        lambda: ("INCRBYFLOAT", key(), choice.choice(["1", "0.5", "-3", "x"])),
        lambda: ("MGET", key(), key(), key()),
        lambda: ("MSET", key(), word(), key(), word()),
        lambda: ("MSETNX", key(), word(), key(), word()),
        lambda: ("DEL", key(), key()),
        lambda: ("EXISTS", key(), key()),
        lambda: ("RENAME", key(), key()),
        lambda: ("RENAMENX", key(), key()),
        lambda: ("COPY", key(), key(), *choice.choice([[], ["REPLACE"], ["DB", "1"]])),
        lambda: ("SELECT", choice.choice("001")),
        lambda: ("DBSIZE",),
        lambda: ("TYPE", key()),
        lambda: ("SWAPDB", "0", "1"),
    ])()


@pytest.mark.parametrize("seed", range(5))
def test_random_commands_get_the_replies_of_redis(both, seed):
    choice = random.Random(seed)
    commands = [random_command(choice) for _ in range(3000)]
    ours, theirs = both
    with ours.resp() as our_connection, theirs.resp() as their_connection:
        for first in range(0, len(commands), 50):
            batch = commands[first:first + 50]
            for connection in (our_connection, their_connection):
                connection.send(b"".join(encode_resp(*command) for command in batch))
            for position, command in enumerate(batch, first):
                expected = their_connection.read_raw_reply()
                assert our_connection.read_raw_reply() == expected, f"seed {seed}, command {position}: {command!r:.200}"
