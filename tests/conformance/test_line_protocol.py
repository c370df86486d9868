"""Runs the table of the line protocol: line by line, pipelined, and cut at every byte boundary."""

import pytest

import line_protocol
from line_protocol import BY_DURABILITY, CLOSING, TABLE

FLUSHED = b'{"status": "OK"}\n'


def with_line_end(line):
    return line if line.endswith(b"\n") else line + b"\n"


def streams_of(exchanges):
    """All requests of a row as one stream, and all its replies."""
    sent = b"".join(with_line_end(line) for line, _ in exchanges)
    expected = b"".join(reply + b"\n" for _, reply in exchanges if reply is not None)
    return sent, expected


def row_id(row):
    return row[0]


def test_the_table_names_each_rule_once():
    for rows in BY_DURABILITY.values():
        names = [name for name, *_ in TABLE + CLOSING + rows]
        assert len(names) == len(set(names)) and len(TABLE) > 100


def expect_exact_replies(server, exchanges):
    with server.json() as connection:
        for line, reply in exchanges:
            connection.send(with_line_end(line))
            if reply is not None:
                assert connection.read_line() == reply + b"\n", f"after {line!r}"
        # A reply too many would stand here.
        assert connection.exchange(b"PING") == line_protocol.PONG + b"\n"


@pytest.mark.parametrize("row", TABLE, ids=row_id)
def test_reply_is_exact(server, row):
    expect_exact_replies(server, row[1])


def test_replies_about_the_disk_are_exact(server_of_each_mode, durability):
    for _, exchanges in BY_DURABILITY[durability]:
        expect_exact_replies(server_of_each_mode, exchanges)


def test_whole_table_pipelined_on_one_connection(server_of_each_mode, durability):
    server = server_of_each_mode
    sent, expected = b"", b""
    for _, exchanges in TABLE + BY_DURABILITY[durability]:
        row_sent, row_expected = streams_of(exchanges)
        sent += b"SELECT 0\nFLUSHALL\n" + row_sent
        expected += FLUSHED + FLUSHED + row_expected
    with server.json() as connection:
        sender = connection.send_in_background(sent)
        received = connection.read_exactly(len(expected))
        sender.join()
        assert received.splitlines() == expected.splitlines()
        assert connection.exchange(b"PING") == line_protocol.PONG + b"\n"


def send_in_parts(server, barrier, parts):
    """A new connection that sends `parts`, each received by the server before the next is sent."""
    connection = server.json()
    for part in parts:
        connection.send(part)
        # The only worker receives in order of arrival, so the answer to a PING comes after it took the part; the first
        # PING may still share a turn with the accept of a new connection.
        barrier.call("PING")
        barrier.call("PING")
    return connection


def cuts(stream):
    return [(stream[:i], stream[i:]) for i in range(1, len(stream))] + [[stream[i:i + 1] for i in range(len(stream))]]


@pytest.mark.parametrize("row", TABLE, ids=row_id)
def test_reply_is_exact_when_cut_at_every_byte(single_thread_server, row):
    sent, expected = streams_of(row[1])
    with single_thread_server.resp() as barrier:
        for parts in cuts(sent):
            barrier.call("FLUSHALL")
            connection = send_in_parts(single_thread_server, barrier, parts)
            assert connection.read_exactly(len(expected)) == expected, f"cut as {parts!r}"
            connection.abort()


@pytest.mark.parametrize("row", CLOSING, ids=row_id)
def test_connection_is_closed_and_nothing_more_runs(server, row):
    _, sent, expected = row
    with server.json() as connection:
        connection.send(sent)
        assert connection.read_until_closed() == expected
    with server.resp() as other:
        assert other.call("EXISTS", "pwned") == 0


@pytest.mark.parametrize("row", CLOSING, ids=row_id)
def test_connection_is_closed_when_cut_at_every_byte(single_thread_server, row):
    _, sent, expected = row
    with single_thread_server.resp() as barrier:
        for parts in cuts(sent):
            connection = single_thread_server.json()
            try:
                for part in parts:
                    connection.send(part)
                    barrier.call("PING")
                    barrier.call("PING")
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server closed before it had everything, as it may
            received = connection.read_until_closed()
            # A reset can overtake replies that were already sent, never add to them.
            assert received == expected or expected.startswith(received), f"cut as {parts!r}"
            connection.abort()
            assert barrier.call("EXISTS", "pwned") == 0


@pytest.mark.parametrize("word", ["POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "GET"])
def test_a_browser_cannot_send_commands(server, word):
    """Whatever method a web page chooses: the body's commands never run, and the connection ends."""
    with server.json() as connection:
        connection.send(b"%s / HTTP/1.1\r\nHost: localhost:6379\r\nOrigin: http://evil.example\r\n\r\nSET pwned 1\r\n"
                        % word.encode())
        connection.read_until_closed()
    with server.resp() as other:
        assert other.call("EXISTS", "pwned") == 0


@pytest.mark.parametrize("key", ["/", "/index.html", "HTTP/1.1", "http://x/"])
def test_get_of_a_key_that_looks_like_a_path_is_not_http(server, key):
    with server.json() as connection:
        assert connection.request(f"GET {key}") == {"status": "ERROR", "message": f"Key '{key}' not found"}
        assert connection.request("PING")["message"] == "PONG"


# --- long lines ---------------------------------------------------------------------------------------------------


def test_a_line_of_max_request_bytes_is_served(start_server):
    server = start_server("--max-request-bytes", 1000)
    with server.json() as connection:
        assert connection.exchange(b"SET k " + b"x" * 994) == line_protocol.key_set(b"k") + b"\n"


@pytest.mark.parametrize("ending", [b"\n", b"y\r\n", b""], ids=["LF", "CRLF", "no line end"])
def test_a_longer_line_gets_one_error_and_the_connection_closes(start_server, ending):
    server = start_server("--max-request-bytes", 1000)
    with server.json() as connection:
        connection.send(b"PING\nSET k " + b"x" * 995 + (ending or b"x" * 10))
        received = connection.read_until_closed().split(b"\n")
    assert received[0] == line_protocol.PONG
    assert received[1].startswith(b'{"status": "ERROR", "message": "') and received[2:] == [b""]
    with server.resp() as other:
        assert other.call("EXISTS", "k") == 0


@pytest.mark.slow
def test_a_line_of_60_mib_is_stored_whole(server):
    text = b"x" * (60 << 20)
    with server.json() as connection:
        connection.send(b"SET k " + text + b"\n")
        assert connection.read_line() == line_protocol.key_set(b"k") + b"\n"
        connection.send(b"GET k\n")
        expected = line_protocol.value(b'"' + text + b'"') + b"\n"
        assert connection.read_exactly(len(expected)) == expected


# --- values that RESP wrote ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stored, reply", [
    (b'{\n  "a": 1\n}', line_protocol.value(b'{   "a": 1 }')),
    (b"a\nb", line_protocol.value(b'"a\\nb"')),
    (b"", line_protocol.value(b'""')),
    (b"\x00\xff", line_protocol.base64(b"AP8=")),
    (b"\xef\xbb\xbf1", line_protocol.value(b'"\xef\xbb\xbf1"')),
    ("caf\u00e9 \u2028".encode(), line_protocol.value('"caf\u00e9 \u2028"'.encode())),
    (b"[" * 100 + b"]" * 100, line_protocol.value(b"[" * 100 + b"]" * 100)),
])
def test_value_written_with_resp_is_typed_on_the_json_side(server, stored, reply):
    with server.resp() as writer, server.json() as reader:
        assert writer.call("SET", "k", stored) == "OK"
        assert reader.exchange(b"GET k") == reply + b"\n"
        assert writer.call("GET", "k") == stored


@pytest.mark.parametrize("depth", [1000, 5000, 100_000])
def test_deeply_nested_json_is_answered_on_one_line(server, depth):
    """Either as the value it is or as a string: never a crash, never half a line."""
    text = b"[" * depth + b"]" * depth
    with server.resp() as writer, server.json() as reader:
        writer.call("SET", "k", text)
        as_value, as_string = line_protocol.value(text), line_protocol.value(b'"' + text + b'"')
        assert reader.exchange(b"GET k") in (as_value + b"\n", as_string + b"\n")
