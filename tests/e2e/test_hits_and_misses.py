"""INFO's keyspace_hits and keyspace_misses: what counts as reading a key is what redis-server counts."""

import pytest
import redis

FIGURES = ("keyspace_hits", "keyspace_misses")

# After SET here 1 and SET word x; "gone" is never there.
COMMANDS = [
    "GET here", "GET gone", "MGET here gone here", "EXISTS here gone", "TYPE here", "TYPE gone", "STRLEN gone",
    "GETRANGE here 0 1", "GETSET here 2", "GETSET new 1", "GETDEL here", "GETDEL gone", "SET here 1 GET", "SET here 1 NX",
    "SET gone 1 XX", "SET here 2", "SETNX here 1", "APPEND here 1", "SETRANGE here 0 1", "INCR here", "INCR word",
    "COPY here there", "COPY gone there", "RENAME here there", "MOVE here 1", "DEL here gone", "MSETNX here 1 new 2",
    "GET", "STRLEN here there"
]


def lookups(client, command):
    client.flushall()
    client.set("here", 1)
    client.set("word", "x")
    before = client.info("stats")
    try:
        client.execute_command(*command.split())
    except redis.ResponseError:
        pass
    after = client.info("stats")
    return [after[name] - before[name] for name in FIGURES]


@pytest.mark.parametrize("command", COMMANDS)
def test_lookups_are_counted_as_redis_counts_them(server, redis_server, command):
    with redis.Redis(port=server.port, socket_timeout=20) as ours, redis.Redis(port=redis_server.port) as theirs:
        assert lookups(ours, command) == lookups(theirs, command)


def test_resetstat_clears_the_counts(server):
    with redis.Redis(port=server.port, socket_timeout=20) as client:
        client.get("gone")
        assert client.info("stats")["keyspace_misses"] > 0
        client.config_resetstat()
        assert client.info("stats")["keyspace_misses"] == 0
