"""redis-cli and redis-benchmark work as with Redis, and say nothing they should not."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from harness import encode_resp

pytestmark = pytest.mark.skipif(shutil.which("redis-cli") is None or shutil.which("redis-benchmark") is None,
                                reason="redis-cli and redis-benchmark are not installed")


def redis_cli(server, *arguments, stdin=b"", timeout=60):
    run = subprocess.run(["redis-cli", "-p", str(server.port), *arguments],
                         input=stdin,
                         capture_output=True,
                         timeout=timeout)
    assert run.returncode == 0 and run.stderr == b"", (run.returncode, run.stdout, run.stderr)
    return run.stdout


@pytest.mark.parametrize("version", ["-2", "-3"], ids=["resp2", "resp3"])
def test_redis_cli_runs_commands(server, version):
    version = [] if version == "-2" else [version]
    for arguments, output in [(["SET", "k", "v"], b"OK\n"), (["GET", "k"], b"v\n"), (["GET", "nokey"], b"\n"),
                              (["INCR", "n"], b"1\n"), (["MGET", "k", "n"], b"v\n1\n"),
                              (["--no-raw", "GET", "k"], b'"v"\n'), (["--no-raw", "GET", "no"], b"(nil)\n"),
                              (["PING"], b"PONG\n"), (["DEL", "k", "n"], b"2\n")]:
        assert redis_cli(server, *version, *arguments) == output


def test_redis_cli_runs_lines_from_stdin(server):
    assert redis_cli(server, stdin=b'SET k "a b"\nGET k\nINCR n\nINCR n\n') == b"OK\na b\n1\n2\n"


def test_redis_cli_reads_a_value_from_stdin(server):
    value = bytes(range(256)) * 1000
    assert redis_cli(server, "-x", "SET", "k", stdin=value) == b"OK\n"
    with server.resp() as connection:
        assert connection.call("GET", "k") == value


def test_redis_cli_repeats_and_selects_a_database(server):
    assert redis_cli(server, "-n", "3", "-r", "5", "INCR", "n") == b"1\n2\n3\n4\n5\n"
    assert redis_cli(server, "GET", "n") == b"\n"


def test_redis_cli_scan_lists_every_key_once_or_more(server):
    names = {f"key:{i}" for i in range(5000)}
    with server.resp() as connection:
        connection.send(b"".join(encode_resp("SET", name, "v") for name in names))
        connection.read_exactly(5 * len(names))
    assert set(redis_cli(server, "--scan").decode().split()) == names
    some = set(redis_cli(server, "--scan", "--pattern", "key:1*").decode().split())
    assert some == {name for name in names if name.startswith("key:1")}


def test_redis_cli_pipe_loads_a_stream(server):
    stream = b"".join(encode_resp("SET", f"k{i}", "v" * 50) for i in range(20_000))
    output = redis_cli(server, "--pipe", stdin=stream)
    assert b"errors: 0, replies: 20000" in output
    assert redis_cli(server, "DBSIZE") == b"20000\n"


def test_redis_cli_finds_big_keys(server):
    with server.resp() as connection:
        connection.call("MSET", "small", "x", "large", "x" * 5000)
    output = redis_cli(server, "--bigkeys").decode()
    assert re.search(r'Biggest string found .?"?large.* has 5000 bytes', output), output


def test_redis_cli_interactive_session(server):
    """On a terminal: redis-cli then also fetches COMMAND DOCS for its hints."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", HOME="/nonexistent")
        os.execvp("redis-cli", ["redis-cli", "-p", str(server.port)])
    received = b""

    def read_until(text):
        nonlocal received
        deadline = time.monotonic() + 20
        while text not in received:
            ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} did not come; got {received!r}"
            received += os.read(terminal, 4096)
        received = received.split(text, 1)[1]

    prompt = f"127.0.0.1:{server.port}> ".encode()
    try:
        for line, answer in [(b"SET k hello", b"OK"), (b"GET k", b'"hello"'), (b"GET nokey", b"(nil)"),
                             (b"INCR n", b"(integer) 1"),
                             (b"NOSUCH", b"(error) ERR unknown command 'NOSUCH', with args beginning with: "),
                             (b"MGET k nokey", b'1) "hello"\r\n2) (nil)'), (b"HELLO 3", b'1# "server" => '),
                             (b"GET no", b"(nil)"), (b"help get", b"summary:")]:
            read_until(prompt)
            os.write(terminal, line + b"\n")
            read_until(answer)
        read_until(prompt)
        os.write(terminal, b"QUIT\n")
        while True:
            try:
                if not os.read(terminal, 4096):
                    break
            except OSError:  # the terminal's other end is gone
                break
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


# PING_INLINE opens its connections with inline commands, the others with arrays.
BENCHMARK = "redis-benchmark -t ping,set,get,incr,mset -P 16 -c 50"
BENCHMARKED = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"]


def test_redis_benchmark_as_people_type_it(server):
    run = subprocess.run([*BENCHMARK.split(), "-p", str(server.port)], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and run.stderr == "", (run.returncode, run.stderr)
    assert re.findall(r"^====== (.*) ======$", run.stdout.replace("\r", "\n"), re.MULTILINE) == BENCHMARKED
    assert run.stdout.count("100000 requests completed") == len(BENCHMARKED)
    assert not re.search(r"warn|error|err ", run.stdout, re.IGNORECASE), run.stdout


@pytest.mark.parametrize("options", [["--threads", "2"], ["-3"]], ids=["threads", "resp3"])
def test_redis_benchmark_runs_without_errors_or_warnings(server, options):
    run = subprocess.run([
        *BENCHMARK.split(), "-p", str(server.port), "-n", "20000", "-r", "10000", "--csv", *options
    ], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and run.stderr == "", (run.returncode, run.stderr)
    assert not re.search(r"warn|error|err ", run.stdout, re.IGNORECASE), run.stdout
    measured = [line.split(",")[0].strip('"') for line in run.stdout.splitlines()[1:]]
    assert measured == BENCHMARKED
    with server.resp() as connection:
        assert connection.call("DBSIZE") > 1000


def test_redis_benchmark_without_csv_reads_the_configuration(server_of_each_mode, durability):
    server = server_of_each_mode
    run = subprocess.run(
        ["redis-benchmark", "-p", str(server.port), "-t", "set,get", "-n", "2000"],
        capture_output=True,
        text=True,
        timeout=120)
    assert run.returncode == 0 and run.stderr == ""
    assert 'host configuration "save": ' in run.stdout and 'host configuration "appendonly": ' in run.stdout
    assert f'"appendonly": {"no" if durability == "none" else "yes"}' in run.stdout
    assert not re.search(r"warn|error", run.stdout, re.IGNORECASE), run.stdout
