"""The clients of the JSON line protocol that must always work unchanged."""

import json
import socket

import pytest

PONG = b'{"status": "OK", "message": "PONG"}\n'


def test_one_line_one_read_one_close(server):
    """A client that opens a connection, sends one line, reads once, and closes."""
    for line, reply in [(b'SET k "john"\n', b'{"status": "OK", "message": "Key \'k\' set"}\n'),
                        (b"GET k\n", b'{"status": "OK", "value": "john"}\n'), (b"DELETE k\n", b'{"status": "OK"}\n')]:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(line)
            assert connection.recv(4096) == reply


def test_a_line_at_a_time_on_a_kept_connection(server):
    with server.json() as connection:
        for i in range(200):
            assert connection.request(f"SET k {i}") == {"status": "OK", "message": "Key 'k' set"}
            assert connection.request("GET k") == {"status": "OK", "value": i}


def test_a_thousand_lines_then_a_thousand_reads(server):
    with server.json() as connection:
        connection.send(b"".join(b'SET key:%d "value %d"\n' % (i, i) for i in range(1000)))
        for i in range(1000):
            assert connection.read_line() == b'{"status": "OK", "message": "Key \'key:%d\' set"}\n' % i
        connection.send(b"".join(b"GET key:%d\n" % i for i in range(1000)))
        for i in range(1000):
            assert connection.read_line() == b'{"status": "OK", "value": "value %d"}\n' % i


def test_half_close_after_sending_still_gets_every_reply(server, protocol):
    count = 20000
    request, reply = {"json": (b"PING\n", PONG)}.get(protocol, (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"))
    with server.connect(protocol) as connection:
        connection.send(request * count)
        connection.half_close()
        assert connection.read_until_closed() == reply * count


def test_half_close_without_a_request_closes(server):
    with server.raw() as connection:
        connection.half_close()
        assert connection.read_until_closed() == b""


def test_a_telnet_session_with_crlf_and_empty_lines(server):
    with server.raw() as connection:
        connection.send(b"\r\nset greeting hello there\r\n\r\nget greeting\r\nquit\r\n")
        assert connection.read_until_closed() == (
            b'{"status": "OK", "message": "Key \'greeting\' set"}\n{"status": "OK", "value": "hello there"}\n'
            b'{"status": "OK"}\n')


def test_a_star_within_a_json_connection_is_no_protocol_switch(server):
    """The first byte decides, once."""
    with server.json() as connection:
        assert connection.request("PING")["message"] == "PONG"
        assert connection.request("*1") == {"status": "ERROR", "message": "Unknown command"}
        assert connection.request("PING")["message"] == "PONG"


@pytest.mark.parametrize("hello", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100])
def test_a_tls_hello_without_tls_is_closed_and_runs_nothing(server, hello):
    with server.raw() as connection:
        connection.send(hello + b"\nSET pwned 1\n")
        connection.read_until_closed()
    with server.json() as connection:
        assert connection.request("EXISTS pwned") == {"status": "OK", "value": 0}


@pytest.mark.parametrize("value", [
    0, -1, 1.5, 10**30, True, False, None, "", "text", "42", "null", "a\nb", "\u00e9\u2028\U0001f600", [], {},
    [1, [2, [3]]], {"a": {"b": None}}, "it's \"quoted\"", "\\", "\x00\x7f", "{", " x "
])
def test_any_json_value_comes_back_as_it_was_set(server, value):
    text = json.dumps(value)
    with server.json() as connection:
        assert connection.request(f"SET k {json.dumps(text)}")["status"] == "OK"
        back = connection.request("GET k")["value"]
        assert back == value and type(back) is type(value)


def test_every_reply_starts_with_its_status(server):
    with server.json() as connection:
        for line in [
                "PING", "GET no", "NOSUCH", "SET k v", "MGET k no", "INFO", "COMMAND COUNT", "CONFIG GET *",
                "CLIENT LIST", "CLIENT ID", "TIME", "SCAN 0", "COMMAND DOCS get", "HELLO", "MEMORY USAGE k",
                "CLIENT INFO"
        ]:
            reply = connection.exchange(line.encode())
            assert reply.startswith(b'{"status": "OK"') or reply.startswith(b'{"status": "ERROR"'), line
            assert isinstance(json.loads(reply), dict), line


def test_replies_are_spelled_as_python_spells_them(server):
    """', ' between members and ': ' after names, also in replies made of many parts."""
    with server.json() as connection:
        for line in ["CONFIG GET *", "COMMAND DOCS get set", "CLIENT LIST", "COMMAND INFO get"]:
            reply = connection.exchange(line.encode())
            assert reply.decode() == json.dumps(json.loads(reply), ensure_ascii=False) + "\n", line
