"""Every command through redis-py, with the values its parsers make of our replies."""

import pytest
import redis


@pytest.fixture
def client(server):
    with redis.Redis(port=server.port, socket_timeout=20) as client:
        yield client


def test_set_and_get(client):
    assert client.set("k", "v") is True
    assert client.get("k") == b"v"
    assert client.get("nokey") is None
    assert client.set("k", "w", nx=True) is None
    assert client.set("k", "w", xx=True) is True
    assert client.set("k", "x", get=True) == b"w"
    assert client.set("k", "y", keepttl=True) is True


def test_binary_keys_and_values(client):
    everything = bytes(range(256))
    assert client.set(everything, everything * 100) is True
    assert client.get(everything) == everything * 100


def test_string_commands(client):
    assert client.setnx("k", "1") is True and client.setnx("k", "2") is False
    assert client.getset("k", "3") == b"1"
    assert client.append("k", "45") == 3
    assert client.strlen("k") == 3
    assert client.getrange("k", 1, -1) == b"45"
    assert client.substr("k", 0, 0) == b"3"
    assert client.setrange("k", 1, "XY") == 3
    assert client.getdel("k") == b"3XY" and client.getdel("k") is None


def test_many_keys_at_once(client):
    assert client.mset({"a": 1, "b": 2}) is True
    assert client.mget("a", "nokey", "b") == [b"1", None, b"2"]
    assert client.msetnx({"b": 3, "c": 4}) is False
    assert client.msetnx({"c": 4, "d": 5}) is True


def test_numbers(client):
    assert client.incr("n") == 1 and client.incrby("n", 10) == 11
    assert client.decr("n") == 10 and client.decrby("n", 3) == 7
    assert client.incrbyfloat("f", 1.5) == 1.5
    client.set("k", "abc")
    with pytest.raises(redis.ResponseError, match="value is not an integer or out of range"):
        client.incr("k")


def test_generic_commands(client):
    client.mset({"a": 1, "b": 2, "c": 3})
    assert client.exists("a", "b", "nokey") == 2
    assert client.touch("a", "nokey") == 1
    assert client.type("a") == b"string" and client.type("nokey") == b"none"
    assert client.rename("a", "x") is True
    assert client.renamenx("x", "b") is False
    assert client.copy("b", "y") is True and client.copy("b", "y") is False
    assert client.copy("c", "y", replace=True) is True and client.get("y") == b"3"
    assert client.unlink("x") == 1 and client.delete("b", "c", "y") == 3
    assert client.dbsize() == 0 and client.randomkey() is None
    with pytest.raises(redis.ResponseError, match="no such key"):
        client.rename("nokey", "x")


def test_iteration(client):
    names = {f"key:{i}".encode() for i in range(2500)}
    client.mset({name: 1 for name in names})
    client.set("other", 1)
    assert set(client.keys("key:*")) == names
    assert set(client.scan_iter("key:*")) == names
    assert set(client.scan_iter(count=1000)) == names | {b"other"}
    assert set(client.scan_iter(_type="string")) == names | {b"other"}
    assert list(client.scan_iter(_type="hash")) == []
    assert client.randomkey() in names | {b"other"}


def test_databases(server, client):
    client.set("k", "0")
    with redis.Redis(port=server.port, db=5) as other:
        assert other.get("k") is None
        other.set("k", "5")
        assert client.swapdb(0, 5) is True
        assert client.get("k") == b"5" and other.get("k") == b"0"
        assert client.copy("k", "copied", destination_db=5) is True and other.get("copied") == b"5"
        assert other.flushdb() is True
        assert other.dbsize() == 0 and client.dbsize() == 1
    assert client.flushall() is True and client.dbsize() == 0


def test_connection_commands(client):
    assert client.ping() is True
    assert client.echo("hi") == b"hi"
    assert client.client_setname("me") is True
    assert client.client_getname() == "me"
    assert isinstance(client.client_id(), int)
    assert client.client_info()["name"] == "me"
    assert "me" in [row["name"] for row in client.client_list()]


def test_server_commands(client):
    info = client.info()
    assert info["loading"] == 0 and info["role"] == "master" and info["connected_clients"] >= 1
    assert client.info("server")["process_id"] == info["process_id"]
    assert client.config_get("databases") == {"databases": "16"}
    assert client.config_get("max*")["maxmemory-policy"] == "noeviction"
    assert client.config_resetstat() is True
    assert client.command_count() == len(client.command())
    assert client.command()["get"]["arity"] == 2
    assert isinstance(client.time()[0], int)


def test_pipelines_without_a_transaction(client):
    with client.pipeline(transaction=False) as pipeline:
        for i in range(5000):
            pipeline.set(f"k{i}", i)
        for i in range(5000):
            pipeline.get(f"k{i}")
        replies = pipeline.execute()
    assert replies[:5000] == [True] * 5000
    assert replies[5000:] == [str(i).encode() for i in range(5000)]


def test_an_error_within_a_pipeline_stands_at_its_place(client):
    with client.pipeline(transaction=False) as pipeline:
        replies = pipeline.set("k", "abc").incr("k").get("k").execute(raise_on_error=False)
    assert replies[0] is True and isinstance(replies[1], redis.ResponseError) and replies[2] == b"abc"


def test_handshake_with_name_and_database(server):
    with redis.Redis(port=server.port, db=3, client_name="worker", health_check_interval=1,
                     decode_responses=True) as client:
        assert client.client_getname() == "worker"
        assert client.client_info()["db"] == 3
        client.set("k", "\u00e9")
        assert client.get("k") == "\u00e9"


def test_connection_pool_under_threads(server):
    from concurrent.futures import ThreadPoolExecutor
    pool = redis.BlockingConnectionPool(port=server.port, max_connections=10)
    client = redis.Redis(connection_pool=pool)

    def work(i):
        client.set(f"k{i}", i)
        client.incr("n")
        return int(client.get(f"k{i}"))

    with ThreadPoolExecutor(16) as executor:
        assert list(executor.map(work, range(2000))) == list(range(2000))
    assert client.get("n") == b"2000"
    pool.disconnect()


def test_unknown_command_is_a_response_error(client):
    with pytest.raises(redis.ResponseError, match="unknown command 'NOSUCH', with args beginning with: 'a'"):
        client.execute_command("NOSUCH", "a")
    assert client.ping() is True
