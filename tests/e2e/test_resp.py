"""RESP as raw bytes: what redis-server's own replies cannot decide (they are compared in tests/conformance)."""

import pytest

from harness import RespError, encode_resp


def test_hello_answers_a_map_with_the_keys_clients_read(server):
    with server.resp() as connection:
        connection.send(encode_resp("HELLO", "3"))
        raw = connection.read_raw_reply()
        assert raw.startswith(b"%7\r\n")
        reply = connection.call("HELLO")
        assert list(reply) == [b"server", b"version", b"proto", b"id", b"mode", b"role", b"modules"]
        assert reply[b"proto"] == 3 and reply[b"mode"] == b"standalone" and reply[b"role"] == b"master"
        assert reply[b"modules"] == [] and reply[b"id"] == connection.call("CLIENT", "ID")


def test_hello_2_answers_a_flat_array_and_goes_back_to_resp2(server):
    with server.resp(3) as connection:
        reply = connection.call("HELLO", "2")
        assert reply[reply.index(b"proto") + 1] == 2
        assert connection.raw_call("GET", "nokey") == b"$-1\r\n"


def test_hello_can_set_a_name(server):
    with server.resp() as connection:
        assert connection.call("HELLO", "3", "SETNAME", "worker")[b"proto"] == 3
        assert connection.call("CLIENT", "GETNAME") == b"worker"


def test_a_failed_hello_changes_nothing(server):
    with server.resp(3) as connection:
        for words in (["HELLO", "9"], ["HELLO", "2", "SETNAME", "a b"], ["HELLO", "2", "AUTH", "x"]):
            assert connection.raw_call(*words).startswith(b"-")
            assert connection.raw_call("GET", "nokey") == b"_\r\n"


def test_resp3_types(server):
    with server.resp(3) as connection:
        assert connection.raw_call("GET", "nokey") == b"_\r\n"
        assert connection.raw_call("MGET", "nokey") == b"*1\r\n_\r\n"
        assert connection.raw_call("CONFIG", "GET", "databases") == b"%1\r\n$9\r\ndatabases\r\n$2\r\n16\r\n"
        assert connection.raw_call("INFO").startswith(b"=")
        assert connection.raw_call("CLIENT", "LIST").startswith(b"=")
        assert connection.raw_call("COMMAND", "DOCS", "get").startswith(b"%1\r\n$3\r\nget\r\n%")


def test_resp2_types(server):
    with server.resp() as connection:
        assert connection.raw_call("CONFIG", "GET", "databases").startswith(b"*2\r\n")
        assert connection.raw_call("INFO").startswith(b"$")
        assert connection.raw_call("COMMAND", "DOCS", "get").startswith(b"*2\r\n")


@pytest.mark.parametrize("version", [2, 3])
def test_no_client_subcommand_closes_the_connection(server, version):
    """Libraries send these in their handshake, pipelined, and go on whatever the answers are."""
    subcommands = [["SETINFO", "LIB-NAME", "a"], ["SETINFO", "LIB-VER", "1"], ["SETINFO", "FOO", "x"], ["SETINFO"],
                   ["SETINFO", "LIB-NAME", "a b"], ["MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "internal-ip"],
                   ["TRACKING", "ON"], ["TRACKING", "OFF"], ["CACHING", "YES"], ["NO-EVICT", "ON"], ["NO-TOUCH", "ON"],
                   ["GETREDIR"], ["TRACKINGINFO"], ["INFO"], ["LIST"], ["ID"], ["GETNAME"], ["SETNAME", "x"], ["HELP"],
                   ["FOO"], ["UNPAUSE"], ["KILL", "ID", "999999999"], ["REPLY", "ON"], ["UNBLOCK", "999999999"],]
    with server.resp(version) as connection:
        connection.send(b"".join(encode_resp("CLIENT", *words) for words in subcommands) +
                        encode_resp("ECHO", "still here"))
        for _ in subcommands:
            connection.read_raw_reply()
        assert connection.read_reply() == b"still here"


def test_client_setinfo_shows_in_client_info(server):
    with server.resp() as connection:
        assert connection.call("CLIENT", "SETINFO", "LIB-NAME", "mylib") == "OK"
        assert connection.call("CLIENT", "SETINFO", "lib-ver", "1.2") == "OK"
        connection.call("CLIENT", "SETNAME", "me")
        info = dict(pair.split("=", 1) for pair in connection.call("CLIENT", "INFO").decode().split())
        assert (info["lib-name"], info["lib-ver"], info["name"]) == ("mylib", "1.2", "me")
        assert info["addr"].endswith(f":{connection.socket.getsockname()[1]}")


def test_client_list_shows_every_connection(server):
    with server.resp() as one, server.resp(3) as two, server.json() as three:
        one.call("CLIENT", "SETNAME", "one")
        two.call("CLIENT", "SETNAME", "two")
        three.call("CLIENT", "SETNAME", "three")
        names = {line.split(" name=")[1].split()[0] if " name= " not in line else ""
                 for line in one.call("CLIENT", "LIST").decode().splitlines()}
        assert {"one", "two", "three"} <= names


def test_client_ids_are_unique(server):
    connections = [server.resp() for _ in range(20)]
    ids = [connection.call("CLIENT", "ID") for connection in connections]
    assert len(set(ids)) == len(ids)
    for connection in connections:
        connection.close()


def test_more_words_than_the_limit_is_a_protocol_error(server):
    with server.resp() as connection:
        connection.send(b"*1048577\r\n" + encode_resp("PING"))
        assert connection.read_until_closed() == b"-ERR Protocol error: invalid multibulk length\r\n"


def test_a_command_of_very_many_words_is_served(server):
    count = 200_000
    with server.resp() as connection:
        sender = connection.send_in_background(encode_resp("MSET", *(b"v" for _ in range(2 * count))))
        assert connection.read_reply() == "OK"
        sender.join()
        assert connection.call("DBSIZE") == 1
        sender = connection.send_in_background(encode_resp("EXISTS", *(b"v" for _ in range(count))))
        assert connection.read_reply() == count
        sender.join()


def test_info_has_what_client_libraries_read(server):
    with server.resp() as connection:
        connection.call("SET", "k", "v")
        text = connection.call("INFO").decode()
        fields = dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)
        assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "")
        assert fields["loading"] == "0" and int(fields["redis_version"].split(".")[0]) >= 7
        assert fields["maxmemory_policy"] == "noeviction" and fields["role"] == "master"
        assert fields["db0"].startswith("keys=1,") and int(fields["connected_clients"]) >= 1
        assert int(fields["process_id"]) == server.pid and int(fields["tcp_port"]) == server.port
        one = connection.call("INFO", "server").decode()
        assert "redis_version" in one and "connected_clients" not in one
        assert connection.call("INFO", "nosuchsection") in (b"", b"\r\n")


def test_info_counts_commands_and_connections(server):
    def field(connection, name):
        return int(
            dict(line.split(":", 1) for line in connection.call("INFO").decode().split("\r\n") if ":" in line)[name])

    with server.resp() as connection:
        commands = field(connection, "total_commands_processed")
        connections = field(connection, "total_connections_received")
        for _ in range(100):
            connection.call("PING")
        with server.json() as other:
            other.call("PING")
        assert field(connection, "total_commands_processed") >= commands + 101
        assert field(connection, "total_connections_received") >= connections + 1


def test_command_describes_every_command(server):
    with server.resp() as connection:
        rows = connection.call("COMMAND")
        assert connection.call("COMMAND", "COUNT") == len(rows)
        names = {row[0].decode() for row in rows}
        assert {"get", "set", "del", "ping", "shutdown", "delete", "flush", "snapshot"} <= names
        listed = {name.decode() for name in connection.call("COMMAND", "LIST")}  # as in Redis, subcommands too
        assert {name for name in listed if "|" not in name} == names
        get = next(row for row in rows if row[0] == b"get")
        assert get[1] == 2 and get[3:6] == [1, 1, 1] and "readonly" in [str(flag) for flag in get[2]]
        for name in names:
            docs = connection.call("COMMAND", "DOCS", name)
            assert docs[0].decode() == name and b"summary" in docs[1], name


def test_every_command_survives_wrong_numbers_of_arguments(server):
    """Each known command with 0 to 6 odd words: one reply each, the connection goes on."""
    with server.resp() as connection:
        names = [row[0].decode() for row in connection.call("COMMAND")]
        for name in names:
            if name in ("shutdown", "quit", "monitor", "subscribe", "psubscribe", "ssubscribe"):
                continue
            for count in range(7):
                words = ["\x00'\"*", "0", "-1", "x", "", "99999999999999999999"][:count]
                connection.raw_call(name, *words)
            assert connection.raw_call("ECHO", name) .endswith(name.encode() + b"\r\n"), name
            connection.raw_call("HELLO", "2")
            connection.raw_call("SELECT", "0")


def test_time_is_the_time(server):
    import time
    with server.resp() as connection:
        before = int(time.time())
        seconds, microseconds = connection.call("TIME")
        assert before - 1 <= int(seconds) <= int(time.time()) + 1 and 0 <= int(microseconds) < 1_000_000


def test_large_replies_arrive_whole(server, protocol):
    values = [bytes([97 + i % 26]) * size for i, size in enumerate([1, 8191, 8192, 8193, 65536, 1 << 20, 5 << 20])]
    with server.connect(protocol) as connection:
        for i, value in enumerate(values):
            connection.call("SET", f"k{i}", value)
        assert connection.call("MGET", *(f"k{i}" for i in range(len(values)))) == (
            [value.decode() for value in values] if protocol == "json" else values)


def test_flush_and_snapshot_say_what_they_did(server_of_each_mode, durability):
    said = {"FLUSH": "All data flushed to disk", "SNAPSHOT": "Snapshot saved to kvstore.db.snapshot"}
    with server_of_each_mode.resp() as connection:
        for name, text in said.items():
            assert connection.call(name) == ("No persistence enabled" if durability == "none" else text)


def test_configuration_names_the_mode_of_durability(server_of_each_mode, durability):
    with server_of_each_mode.resp(3) as connection:
        values = connection.call("CONFIG", "GET", "*")
        assert values[b"durability"] == durability.encode()
        assert values[b"appendonly"] == (b"no" if durability == "none" else b"yes")
        assert values[b"appendfsync"] == (b"no" if durability == "none" else durability.encode())
        assert f"\r\ndurability:{durability}\r\n".encode() in connection.call("INFO", "persistence")


def test_native_delete_counts_in_resp(server):
    with server.resp() as connection:
        connection.call("SET", "k", "v")
        assert connection.call("DELETE", "k") == 1
        assert connection.call("DELETE", "k") == 0
        with pytest.raises(RespError, match="wrong number of arguments for 'delete' command"):
            connection.call("DELETE", "a", "b")
