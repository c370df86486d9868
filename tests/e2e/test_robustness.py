"""Clients that are slow, greedy, broken or hostile: the server serves the others and its memory stays bounded."""

import random
import socket
import time

import pytest

from harness import MIB, encode_resp, raise_open_files_limit

PING = encode_resp("PING")


def assert_serves(server, protocol="resp2"):
    with server.connect(protocol) as connection:
        assert connection.call("PING") == "PONG"
        connection.call("SET", "serves", "yes")
        assert connection.call("GET", "serves") == b"yes"


# --- many connections ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ten_thousand_connections_are_cheap_and_one_more_gets_an_error(start_server):
    count = 10_000
    if raise_open_files_limit() < count + 200:
        pytest.skip(f"the limit on open files is too low for {count} connections")
    server = start_server()
    before = server.rss_bytes()
    held = []
    try:
        for i in range(count):
            held.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
        # Every second one has spoken once, half of those JSON.
        for i, connection in enumerate(held[::2]):
            connection.sendall(PING if i % 2 else b"PING\n")
        for i, connection in enumerate(held[::2]):
            assert connection.recv(100) == (b"+PONG\r\n" if i % 2 else b'{"status": "OK", "message": "PONG"}\n')
        with server.raw() as refused:
            assert refused.read_until_closed() == b"-ERR max number of clients reached\r\n"
        assert (server.rss_bytes() - before) / count < 4096
        held[0].sendall(PING)
        held[-1].sendall(PING)
        assert held[-1].recv(100) == b"+PONG\r\n"
    finally:
        for connection in held:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            connection.close()
    # Once the server has seen them go there is room again.
    deadline = time.monotonic() + 20
    while True:
        with server.raw() as connection:
            connection.send(b"PING\n")
            if connection.read_first_line().startswith(b"{"):
                break
        assert time.monotonic() < deadline, "closed connections were not forgotten"


def test_connections_that_come_and_go_leave_nothing_behind(start_server):
    server = start_server()

    def churn(count):
        for i in range(count):
            connection = server.raw()
            connection.send(PING if i % 2 else b"PING\n")
            connection.read_line()
            connection.abort()

    churn(500)
    before = server.rss_bytes()
    churn(3000)
    assert server.rss_bytes() - before < 4 * MIB
    with server.resp() as connection:
        deadline = time.monotonic() + 20
        while len(connection.call("CLIENT", "LIST").splitlines()) > 1:
            assert time.monotonic() < deadline, "closed connections are still listed"


# --- clients that do not read, or hardly send ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 9000, MIB], ids=["100 B", "9 KB", "1 MiB"])
def test_a_client_that_never_reads_does_not_grow_memory_or_stop_others(start_server, protocol, size):
    server = start_server()
    with server.resp() as writer:
        writer.call("SET", "big", b"x" * size)
    before = server.rss_bytes()
    greedy = server.connect(protocol)
    greedy.socket.settimeout(1)
    request = b"GET big\n" if protocol == "json" else encode_resp("GET", "big")
    wanted = 2048 * MIB // size if size >= 9000 else 2_000_000
    try:
        block = request * min(wanted, 10_000)
        for _ in range(0, wanted, 10_000):
            greedy.send(block)
    except (TimeoutError, OSError):
        pass  # back-pressure, or the server gave up on this client
    for name in ("json", "resp2"):
        assert_serves(server, name)
    assert server.peak_rss_bytes() - before < 64 * MIB
    greedy.abort()
    assert_serves(server)


def test_a_client_that_reads_late_still_gets_every_reply(server, protocol):
    count, size = 3000, 20_000
    request = b"GET big\n" if protocol == "json" else encode_resp("GET", "big")
    with server.connect(protocol) as connection:
        connection.call("SET", "big", b"x" * size)
        sender = connection.send_in_background(request * count)
        with server.resp() as other:
            assert other.call("PING") == "PONG"
        reply = (b'{"status": "OK", "value": "' + b"x" * size + b'"}\n' if protocol == "json"
                 else b"$%d\r\n" % size + b"x" * size + b"\r\n")
        for _ in range(count):
            assert connection.read_exactly(len(reply)) == reply
        sender.join()
        assert connection.call("ECHO", "end") == b"end"


def test_a_client_that_sends_a_byte_at_a_time_is_served_and_delays_nobody(server):
    requests = {"json": b"SET slow byte by byte\n", "resp2": encode_resp("SET", "slow", "byte by byte")}
    slow = {name: server.raw() for name in requests}
    with server.resp() as other:
        for i in range(max(map(len, requests.values()))):
            for name, request in requests.items():
                slow[name].send(request[i:i + 1])
            assert other.call("PING") == "PONG"
            time.sleep(0.005)  # the pace of the slow client, not a wait for anything
    assert slow["json"].read_line() == b'{"status": "OK", "message": "Key \'slow\' set"}\n'
    assert slow["resp2"].read_line() == b"+OK\r\n"
    for connection in slow.values():
        connection.close()


def test_half_a_request_then_a_reset_is_forgotten(server):
    for i in range(300):
        connection = server.raw()
        connection.send(
            [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nabc", b"SET k half a li", b"*", b"*2\r\n$3\r\nGE",
             b"GET \"k"][i % 5])
        connection.abort()
    with server.resp() as connection:
        assert connection.call("EXISTS", "k") == 0


def test_half_a_request_then_a_half_close_runs_nothing(server):
    for request in (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nabc", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n"):
        with server.raw() as connection:
            connection.send(request)
            connection.half_close()
            assert connection.read_until_closed() == b""
    with server.resp() as connection:
        assert connection.call("EXISTS", "k") == 0


# --- large things -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_value_of_512_mib_is_set_and_read_whole(start_server, memory_figures):
    server = start_server()
    value = random.Random(1).randbytes(MIB) * 512
    with server.resp(timeout=60) as connection:
        connection.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % len(value))
        connection.send(value)
        connection.send(b"\r\n")
        assert connection.read_reply() == "OK"
        # The value and the request it came in, with room for growing a buffer.
        assert server.peak_rss_bytes() < 1664 * MIB
        assert connection.call("STRLEN", "k") == len(value)
        assert server.rss_bytes() < 576 * MIB
        server.reset_peak_rss()
        connection.send(encode_resp("GET", "k"))
        assert connection.read_line() == b"$%d\r\n" % len(value)
        assert connection.read_exactly(len(value) + 2) == value + b"\r\n"
        assert server.peak_rss_bytes() < 576 * MIB  # a large value is sent without a copy
        assert connection.call("DEL", "k") == 1
        assert_serves(server)
        assert server.rss_bytes() < 64 * MIB


def test_a_value_cannot_grow_beyond_512_mib(server):
    with server.resp(timeout=60) as connection:
        connection.call("SETRANGE", "k", 512 * MIB - 1, "x")
        assert connection.raw_call("APPEND", "k",
                                   "y") == b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"
        assert connection.call("STRLEN", "k") == 512 * MIB
        assert connection.call("GETRANGE", "k", -2, -1) == b"\x00x"


@pytest.mark.slow
def test_a_pipeline_of_a_million_commands_over_resp(server):
    count = 1_000_000
    before = server.rss_bytes()
    with server.resp() as connection:
        sender = connection.send_in_background(encode_resp("INCR", "n") * count)
        expected = b"".join(b":%d\r\n" % i for i in range(1, count + 1))
        assert connection.read_exactly(len(expected)) == expected
        sender.join()
    assert server.peak_rss_bytes() - before < 700 * MIB


@pytest.mark.slow
def test_a_pipeline_of_a_million_commands_over_json(server):
    count = 1_000_000
    with server.json() as connection:
        sender = connection.send_in_background(b"INCR n\n" * count)
        expected = b"".join(b'{"status": "OK", "value": %d}\n' % i for i in range(1, count + 1))
        assert connection.read_exactly(len(expected)) == expected
        sender.join()


def test_a_pipeline_sent_whole_before_reading_does_not_deadlock_the_server(server):
    """A client that reads only after it has sent 20 MB of requests: the server may stop reading, nobody else waits."""
    with server.resp() as connection:
        sender = connection.send_in_background(encode_resp("ECHO", "x" * 1000) * 20_000)
        for _ in range(100):
            assert_serves(server)
        for _ in range(20_000):
            assert connection.read_reply() == b"x" * 1000
        sender.join()


# --- hostile bytes ------------------------------------------------------------------------------------------------


def test_random_bytes_never_hurt(server):
    choice = random.Random(42)
    before = server.rss_bytes()
    starts = [
        b"", b"*", b"*1\r\n$", b"*3\r\n$3\r\nSET\r\n", b"SET k \"", b"GET '", b"\x16", b"*2\r\n$4\r\nECHO\r\n$5\r\n",
        b"{", b"PING\n"
    ]
    for i in range(2000):
        connection = server.raw()
        try:
            connection.send(
                choice.choice(starts) + choice.randbytes(choice.choice([1, 10, 100, 3000])) +
                choice.choice([b"", b"\n", b"\r\n"]))
        except OSError:
            pass
        connection.abort()
    assert_serves(server)
    assert server.rss_bytes() - before < 16 * MIB


def test_mutated_requests_get_replies_or_a_close_never_a_hang(server):
    choice = random.Random(7)
    valid = [
        b"".join([
            encode_resp("SET", "k", "value"),
            encode_resp("GET", "k"),
            encode_resp("MGET", "a", "b"),
            encode_resp("HELLO", "3"),
            encode_resp("CLIENT", "LIST"),
            encode_resp("SCAN", "0", "COUNT", "10")
        ]), b'SET k "a\\u0041b" NX\nGET k\nMSET a \'x\' b "y z"\nSCAN 0 COUNT 10\r\nECHO "\xc3\xa9"\nSET k {"a": [1]}\n'
    ]
    for i in range(1500):
        data = bytearray(choice.choice(valid))
        for _ in range(choice.randrange(1, 6)):
            position = choice.randrange(len(data))
            action = choice.randrange(3)
            if action == 0:
                data[position] = choice.randrange(256)
            elif action == 1:
                del data[position:position + choice.randrange(1, 10)]
            else:
                data[position:position] = choice.choice([b"\r\n", b"$", b"*", b"-1", b"\x00", b'"', b"99999999999"])
        with server.raw() as connection:
            try:
                connection.send(bytes(data))
                connection.half_close()
            except OSError:
                pass
            connection.read_until_closed()  # fails by its timeout when the server neither answers nor closes
    assert_serves(server, "json")


@pytest.mark.parametrize("declared", [
    b"*1048576\r\n", b"*1048576\r\n$3\r\nSET\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc",
    b"*2\r\n$536870912\r\nGET", b"*1048576\r\n$536870912\r\n",
],
                         ids=["words", "words after one", "value", "name", "both"])
def test_declared_lengths_allocate_nothing(start_server, declared):
    server = start_server()
    assert_serves(server)
    before = server.rss_bytes()
    held = [server.raw() for _ in range(200)]
    for connection in held:
        connection.send(declared)
    assert_serves(server)
    assert server.peak_rss_bytes() - before < 16 * MIB
    for connection in held:
        connection.abort()


def test_requests_never_finished_stay_within_the_client_memory_budget(start_server):
    """Forty clients each send 8 MiB of a value and stop: those beyond the budget are refused, the data stays."""
    server = start_server("--max-client-memory-bytes", 64 * MIB)
    with server.resp() as connection:
        connection.call("SET", "kept", "yes")
    before = server.rss_bytes()
    held, refused = [], 0
    for _ in range(40):
        connection = server.raw()
        held.append(connection)
        try:
            connection.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n" + b"x" * (8 * MIB))
        except OSError:
            refused += 1
    assert_serves(server)
    assert server.peak_rss_bytes() - before < 192 * MIB
    for connection in held:
        connection.socket.settimeout(0.05)
        try:
            refused += bool(connection.socket.recv(1) in (b"-", b""))
        except TimeoutError:
            pass
        except OSError:
            refused += 1
        connection.abort()
    assert refused >= 20
    with server.resp() as connection:
        assert connection.call("GET", "kept") == b"yes"


def test_replies_beyond_the_client_memory_budget_close_their_client_only(start_server):
    server = start_server("--max-client-memory-bytes", 32 * MIB)
    with server.resp() as connection:
        connection.send(b"".join(encode_resp("SET", f"k{i}", "x" * 8000) for i in range(2000)))
        assert connection.read_exactly(5 * 2000) == b"+OK\r\n" * 2000
    before = server.rss_bytes()
    held = []
    for _ in range(8):
        connection = server.raw()
        held.append(connection)
        connection.send(encode_resp("MGET", *(f"k{i}" for i in range(2000))))
    for name in ("json", "resp2"):
        assert_serves(server, name)
    assert server.peak_rss_bytes() - before < 128 * MIB
    for connection in held:
        connection.abort()


# --- memory ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_million_keys_cost_at_most_64_bytes_each(start_server, memory_figures):
    """Keys of 16 bytes with values of 32."""
    count, batch = 1_000_000, 10_000
    server = start_server()
    with server.resp() as connection:
        # Connections and log have buffers, whose size has nothing to do with the number of keys.
        connection.send(encode_resp("SET", "k", "v" * 1000) * batch)
        assert connection.read_exactly(5 * batch) == b"+OK\r\n" * batch
        connection.call("FLUSHALL")
        before = server.rss_bytes()
        for first in range(0, count, batch):
            connection.send(b"".join(
                b"*3\r\n$3\r\nSET\r\n$16\r\n%016d\r\n$32\r\n%032d\r\n" % (i, i) for i in range(first, first + batch)))
            assert connection.read_exactly(5 * batch) == b"+OK\r\n" * batch
        assert connection.call("DBSIZE") >= count
    assert (server.rss_bytes() - before) / count <= 64


@pytest.mark.slow
def test_overwriting_with_other_sizes_does_not_grow_memory_without_bound(start_server, memory_figures):
    choice = random.Random(3)
    server = start_server()
    with server.resp() as connection:
        def write(rounds):
            for _ in range(rounds):
                keys = [choice.randrange(20_000) for _ in range(5000)]
                connection.send(b"".join(
                    encode_resp("SET", f"k{key}", b"x" * choice.choice([10, 50, 200, 700])) for key in keys))
                for _ in keys:
                    connection.read_line()

        write(30)
        before = server.rss_bytes()
        write(60)
        assert server.rss_bytes() < before * 1.3 + 4 * MIB


def test_flushall_gives_memory_back(start_server, memory_figures):
    server = start_server()
    with server.resp() as connection:
        empty = server.rss_bytes()
        for first in range(0, 200_000, 10_000):
            connection.send(b"".join(encode_resp("SET", f"key:{i}", "x" * 500) for i in range(first, first + 10_000)))
            connection.read_exactly(5 * 10_000)
        assert server.rss_bytes() - empty > 80 * MIB
        connection.call("FLUSHALL")
        deadline = time.monotonic() + 10
        while server.rss_bytes() - empty > 20 * MIB:
            assert time.monotonic() < deadline, f"{(server.rss_bytes() - empty) // MIB} MiB are still held"
            time.sleep(0.01)
