"""Start, end, signals, limits on connections, and what a user sees when something is wrong."""

import os
import resource
import signal
import socket
import subprocess
import threading

import pytest
import redis

from harness import Connection, ServerDidNotStart, encode_resp, is_sanitized, raise_open_files_limit, server_binary

PING = encode_resp("PING")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_signal_ends_the_server_with_status_0(start_server, number):
    server = start_server()
    server.resp().call("SET", "k", "v")
    server.signal(number)
    assert server.wait() == 0, server.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_signal_in_the_middle_of_traffic_ends_with_status_0(start_server, number):
    server = start_server()
    running = threading.Barrier(5)

    def work(protocol):
        try:
            with server.connect(protocol) as connection:
                for i in range(10_000_000):
                    connection.call("SET", f"k{i % 1000}", "x" * (i % 5000))
                    if i == 20:
                        running.wait(20)
        except (AssertionError, OSError):
            pass  # the server ended

    threads = [threading.Thread(target=work, args=(protocol,)) for protocol in ("json", "resp2", "resp3", "resp2")]
    for thread in threads:
        thread.start()
    running.wait(20)
    server.signal(number)
    assert server.wait() == 0, server.stderr
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_sigterm_ends_the_server_though_a_client_never_reads(start_server):
    server = start_server()
    with server.resp() as connection:
        connection.call("SET", "k", b"x" * (8 << 20))
        connection.send(encode_resp("GET", "k") * 20)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.stderr


def test_shutdown_over_json_says_so_and_ends_with_status_0(start_server):
    server = start_server()
    with server.json() as connection:
        connection.send(b"SHUTDOWN\n")
        assert connection.read_until_closed() == b'{"status": "OK", "message": "Server shutting down"}\n'
    assert server.wait() == 0, server.stderr


@pytest.mark.parametrize("words", [["SHUTDOWN"], ["shutdown", "NOSAVE"]])
def test_shutdown_over_resp_ends_with_status_0(start_server, words):
    server = start_server()
    with server.resp() as connection:
        connection.send(encode_resp(*words))
        connection.read_until_closed()
    assert server.wait() == 0, server.stderr


def test_shutdown_over_resp_works_for_redis_py(start_server):
    """redis-py, like other libraries, takes any reply to SHUTDOWN for a failure: the connection must just end."""
    server = start_server()
    redis.Redis(port=server.port).shutdown()
    assert server.wait() == 0, server.stderr


def test_after_shutdown_the_port_is_free_again(start_server):
    server = start_server()
    port = server.port
    with server.json() as connection:
        connection.request("SHUTDOWN")
    assert server.wait() == 0
    again = start_server(port=port)
    assert again.port == port


def test_a_taken_port_is_one_clear_line_and_status_1(start_server, io):
    first = start_server()
    with pytest.raises(ServerDidNotStart) as failure:
        start_server(port=first.port)
    assert failure.value.status == 1
    lines = [line for line in failure.value.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and str(first.port) in lines[0], failure.value.stderr
    assert "listening" not in failure.value.stdout


@pytest.mark.parametrize("options", [["--port", "70000"], ["--port", "x"], ["--io", "magic"], ["--nosuchoption"],
                                     ["--threads"], ["--protected-mode", "maybe"], ["--max-clients", "0"]],
                         ids=" ".join)
def test_a_wrong_option_is_named_and_ends_with_status_1(options, tmp_path):
    run = subprocess.run([server_binary(), *options], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert run.returncode == 1
    assert options[0].lstrip("-") in run.stderr and "Traceback" not in run.stderr


def test_an_address_that_is_not_here_is_a_clear_error(tmp_path):
    run = subprocess.run([server_binary(), "--port", "0", "--bind", "192.0.2.77"],
                         cwd=tmp_path,
                         capture_output=True,
                         text=True,
                         timeout=20)
    assert run.returncode == 1 and "192.0.2.77" in run.stderr


def test_help_and_version_end_with_status_0(tmp_path):
    for option, text in [("--help", "--port"), ("--version", "kv_store_server")]:
        run = subprocess.run([server_binary(), option], cwd=tmp_path, capture_output=True, text=True, timeout=20)
        assert run.returncode == 0 and text in run.stdout


def test_the_ready_line_is_exact(start_server):
    server = start_server()
    assert f"TCP Server listening on 127.0.0.1:{server.port}\n" in server.stdout


def test_many_starts_and_ends_in_a_row(start_server):
    for _ in range(5):
        server = start_server()
        server.json().call("SET", "k", "v")
        server.stop()


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_any_number_of_threads_serves(start_server, threads):
    server = start_server(threads=threads)
    connections = [server.connect(name) for name in ("json", "resp2", "resp3") for _ in range(8)]
    for i, connection in enumerate(connections):
        assert connection.call("INCR", "n") == i + 1
    for connection in connections:
        connection.close()


def test_a_connection_beyond_max_clients_gets_an_error_and_is_closed(start_server):
    server = start_server("--max-clients", 5)
    held = [server.resp() for _ in range(5)]
    for connection in held:
        assert connection.call("PING") == "PONG"
    for _ in range(20):
        with server.raw() as refused:
            assert refused.read_until_closed() == b"-ERR max number of clients reached\r\n"
    assert all(connection.call("PING") == "PONG" for connection in held)
    held.pop().abort()
    # The place is free once the server has seen the end of the closed connection.
    for _ in range(1000):
        with server.raw() as connection:
            try:
                connection.send(PING)
                if connection.read_line() == b"+PONG\r\n":
                    break
            except OSError:
                continue
    else:
        pytest.fail("a freed place was not given to the next connection")
    for connection in held:
        connection.close()


# --- peers that are not on this machine ----------------------------------------------------------------------------


def own_address():
    """An address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address


@pytest.mark.parametrize("sent, begins", [
    (b"SET pwned 1\nSET pwned 2\n", b'{"status": "ERROR", "code": "DENIED", "message": "'),
    (encode_resp("SET", "pwned", "1") * 2, b"-DENIED "),
], ids=["json", "resp"])
def test_protected_mode_gives_peers_from_elsewhere_one_error(start_server, sent, begins):
    address = own_address()
    server = start_server(bind="0.0.0.0")
    with Connection(server.port, host=address) as connection:
        connection.send(sent)
        received = connection.read_until_closed()
    assert received.startswith(begins) and received.count(b"\n") == 1
    assert b"--protected-mode no" in received
    with server.resp() as local:
        assert local.call("EXISTS", "pwned") == 0


def test_without_protected_mode_peers_from_elsewhere_are_served(start_server):
    address = own_address()
    server = start_server("--protected-mode", "no", bind="0.0.0.0")
    with Connection(server.port, host=address) as connection:
        connection.send(b"PING\n")
        assert connection.read_line() == b'{"status": "OK", "message": "PONG"}\n'


def test_ipv6_loopback_is_served_when_bound(start_server):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    server = start_server(bind="::1")
    with Connection(server.port, host="::1") as connection:
        connection.send(PING)
        assert connection.read_line() == b"+PONG\r\n"


def test_clients_leave_files_for_the_log(io, data_home):
    """Where few files may be open, clients are refused before the log cannot open its next file."""
    process = subprocess.Popen(["prlimit", "--nofile=100:100", server_binary(), "--port", "0", "--bind", "127.0.0.1",
                                "--io", io, "--threads", "2", "--log-segment-mib", "2"],
                               cwd=data_home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        held = [Connection(port)]
        held[0].send(PING)  # it is in before the others come
        assert held[0].read_line() == b"+PONG\r\n"
        held += [Connection(port) for _ in range(150)]
        for i in range(20):
            held[0].send(encode_resp("SET", f"k{i}", b"x" * 500_000))
            assert held[0].read_line() == b"+OK\r\n"
        for connection in held:
            connection.abort()
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_running_out_of_file_descriptors_does_not_stop_the_server(start_server):
    """The server is given few descriptors: more connections than that must neither kill nor hang it."""
    if is_sanitized():
        pytest.skip("UndefinedBehaviorSanitizer needs a pipe to look at an object, and takes it for a wild one without")
    hard = raise_open_files_limit()
    server = start_server()
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (128, hard))
    held = []
    try:
        for _ in range(200):
            held.append(server.raw(timeout=5))
        first = held[0]
        first.send(PING)
        assert first.read_line() == b"+PONG\r\n"
    finally:
        for connection in held:
            connection.abort()
    with server.resp() as connection:
        assert connection.call("PING") == "PONG"
    assert os.path.exists(f"/proc/{server.pid}")
