"""The benchmark programs at tiny sizes: the lines that programs read, the JSON they write, and what they leave behind.

No test looks at how fast anything was.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from harness import REPOSITORY, Server, free_port, server_binary

RULE = "=" * 70
BIN = server_binary().parent
TIMEOUT_S = 120
FIGURES = [
    r"  Writes/sec: \d+\.\d\d",
    r"  Avg time: \d+\.\d{4}ms",
    r"  Min time: \d+\.\d{4}ms, Max time: \d+\.\d{4}ms",
]
PERCENTILES = r"  {} percentiles: p50 {n}us, p90 {n}us, p99 {n}us, p99\.9 {n}us, max {n}us"
RESULT_BLOCK = [
    r"Total successful writes \(got OK\): (\d+)",
    r"Persisted after restart: (\d+)",
    r"Lost writes: (\d+)",
    r"Data loss rate: (\d+\.\d\d)%",
]


def percentiles(what):
    return PERCENTILES.format(what, n=r"\d+\.\d{3}")


def run(program, *options, directory=None):
    return subprocess.run([str(BIN / program), *map(str, options)], cwd=directory, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=TIMEOUT_S)


def expect_lines(output, patterns):
    """`output` begins with lines that match `patterns`, one each; returns the lines behind them."""
    lines = output.split("\n")
    assert len(lines) >= len(patterns), output
    for number, (line, pattern) in enumerate(zip(lines, patterns), 1):
        assert re.fullmatch(pattern, line), f"line {number} is {line!r}, wanted {pattern!r}, in:\n{output}"
    return lines[len(patterns):]


def title(text):
    return [RULE, re.escape(text), RULE]


def head(size, measured):
    return ["", rf"Benchmark: {size} existing keys", rf"  Pre-populating store with {size} keys\.\.\. Done",
            rf"  Measuring {measured}\.\.\. Done", *FIGURES]


def load_results(path, benchmark):
    results = json.loads(pathlib.Path(path).read_text())
    assert results["benchmark"] == benchmark
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", results["date"])
    assert results["commit"] and results["processor"] and results["cores"] >= 1
    return results


def rows(results, measurement):
    return [row for row in results["results"] if row["measurement"] == measurement]


@pytest.fixture
def epoll_server():
    server = Server("epoll")
    yield server
    server.stop()


# --- every program -------------------------------------------------------------------------------------------------

PROGRAMS = ["benchmark_direct", "benchmark_tcp", "benchmark_writes", "benchmark_durability", "benchmark_peers"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_names_every_option_and_a_wrong_option_fails(program):
    shown = run(program, "--help")
    assert shown.returncode == 0
    assert "--json" in shown.stdout and program in shown.stdout
    assert run(program, "--no-such-option").returncode != 0


# --- benchmark_direct ----------------------------------------------------------------------------------------------

def test_direct_prints_the_documented_lines(tmp_path):
    file = tmp_path / "direct.json"
    done = run("benchmark_direct", "--sizes", "0,100", "--operations", 20, "--threads", "1,2", "--seconds", 0.01,
               "--json", file)
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stdout, "a progress bar belongs on a terminal only"
    rest = expect_lines(done.stdout, title("Direct KeyValueStore Performance Benchmark"))
    for size in (0, 100):
        rest = expect_lines("\n".join(rest), [
            *head(size, "20 write operations"), percentiles("Write"), r"  Reads/sec: \d+\.\d\d", percentiles("Read"),
            rf"  Throughput over {size + 20} keys, 0\.01s each:",
            r" +threads +GET/sec +CPU ns/op +SET/sec +CPU ns/op", r" +1( +[\d.]+){4}", r" +2( +[\d.]+){4}"])
    results = load_results(file, "benchmark_direct")
    assert results["options"]["sizes"] == [0, 100]
    assert [row["existing_keys"] for row in rows(results, "write")] == [0, 100]
    assert [row["operations"] for row in rows(results, "read")] == [20, 20]
    assert len(rows(results, "throughput")) == 2 * 2 * 2  # sizes, thread counts, get and set


def test_direct_measures_500_writes_by_default_and_leaves_its_results_where_it_says():
    default = BIN / "benchmark_direct_results.json"
    before = default.read_bytes() if default.exists() else None
    try:
        done = run("benchmark_direct", "--sizes", 0, "--threads", 0)
        assert done.returncode == 0, done.stderr
        assert "  Measuring 500 write operations... Done\n" in done.stdout
        assert f"Results written to {default}" in done.stdout
        assert rows(load_results(default, "benchmark_direct"), "write")[0]["operations"] == 500
    finally:
        if before is not None:
            default.write_bytes(before)
        else:
            default.unlink(missing_ok=True)


def test_direct_compares_with_the_other_maps(tmp_path):
    file = tmp_path / "direct.json"
    done = run("benchmark_direct", "--sizes", 10000, "--operations", 10, "--threads", 1, "--seconds", 0.01,
               "--compare", "--rounds", 1, "--json", file)
    if "built without" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    compared = rows(load_results(file, "benchmark_direct"), "compare")
    stores = ["KeyValueStore", "libcuckoo::cuckoohash_map", "tbb::concurrent_hash_map"]
    assert [(row["operation"], row["store"]) for row in compared] == [
        (operation, store) for operation in ("insert", "get", "set") for store in stores]
    assert all(row["per_second"] > 0 and row["processor_ns"] > 0 for row in compared)
    memory = rows(load_results(file, "benchmark_direct"), "compare_memory")
    # The keys and values alone are 48 bytes.
    assert [row["store"] for row in memory] == stores and all(row["bytes_per_key"] > 40 for row in memory)


def test_unwritable_results_file_is_an_error():
    done = run("benchmark_writes", "--max-keys", 0, "--json", "/nonexistent-directory/file.json")
    assert done.returncode == 1
    assert "cannot write /nonexistent-directory/file.json" in done.stderr


# --- benchmark_writes ----------------------------------------------------------------------------------------------

def test_writes_prints_the_documented_lines_and_a_closing_ratio(tmp_path):
    file = tmp_path / "writes.json"
    done = run("benchmark_writes", "--max-keys", 1000, "--json", file)
    assert done.returncode == 0, done.stderr
    rest = expect_lines(done.stdout, title("Key-Value Store Write Performance Benchmark"))
    for size in (0, 100, 1000):
        rest = expect_lines("\n".join(rest), [*head(size, "10 write operations"), percentiles("Write")])
    expect_lines("\n".join(rest), ["", r"Slowdown from 0 to 1000 existing keys: \d+\.\d\dx \(.*\)"])
    assert [row["existing_keys"] for row in rows(load_results(file, "benchmark_writes"), "write")] == [0, 100, 1000]


def test_writes_ends_at_max_keys_itself():
    done = run("benchmark_writes", "--max-keys", 250, "--operations", 3)
    assert re.findall(r"Benchmark: (\d+) existing keys", done.stdout) == ["0", "100", "250"]


# --- benchmark_tcp -------------------------------------------------------------------------------------------------

def test_tcp_says_in_one_line_that_no_server_answers():
    port = free_port()
    done = run("benchmark_tcp", "--port", port)
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(rf"benchmark_tcp: no server answers at localhost:{port} \(.*\).*\n", done.stderr)


@pytest.mark.parametrize("protocol", ["json", "resp"])
def test_tcp_prints_the_documented_lines_and_removes_its_keys(protocol, tmp_path, epoll_server):
    file = tmp_path / "tcp.json"
    with epoll_server.resp() as connection:
        connection.call("SET", "mine", "1")
    done = run("benchmark_tcp", "--port", epoll_server.port, "--protocol", protocol, "--sizes", "0,300",
               "--operations", 50, "--json", file)
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stdout
    rest = expect_lines(done.stdout, title("TCP Client Performance Benchmark"))
    for size in (0, 300):
        rest = expect_lines("\n".join(rest), [
            *head(size, "50 write operations via TCP"), percentiles("Write"),
            r"  Write server CPU: \d+\.\d\dus a request", r"  Measuring 50 read operations via TCP\.\.\. Done",
            r"  Reads/sec: \d+\.\d\d", percentiles("Read"), r"  Read server CPU: \d+\.\d\dus a request"])
    results = load_results(file, "benchmark_tcp")
    assert results["options"]["protocol"] == protocol
    assert [row["existing_keys"] for row in rows(results, "read")] == [0, 300]
    with epoll_server.resp() as connection:
        assert connection.call("DBSIZE") == 1


@pytest.mark.parametrize("options", [
    ["--clients", 7, "--pipeline", 5, "--reads", 33],
    ["--clients", 3, "--rate", 5000],
    ["--clients", 2, "--rate", 1000000, "--pipeline", 4],
    ["--value-size", 100000, "--pipeline", 64],
], ids=lambda options: " ".join(map(str, options)))
@pytest.mark.parametrize("protocol", ["json", "resp"])
def test_tcp_measures_every_request_it_was_asked_for(protocol, options, tmp_path, epoll_server):
    file = tmp_path / "tcp.json"
    done = run("benchmark_tcp", "--port", epoll_server.port, "--protocol", protocol, "--sizes", 10,
               "--operations", 211, "--json", file, *options)
    assert done.returncode == 0, done.stderr
    results = load_results(file, "benchmark_tcp")
    assert [row["operations"] for row in rows(results, "write")] == [211]
    assert [row["operations"] for row in rows(results, "read")] == [33 if "--reads" in options else 211]


def test_tcp_reads_may_be_left_out_or_follow_the_writes(tmp_path, epoll_server):
    common = ["--port", epoll_server.port, "--sizes", 0, "--operations", 5]
    assert "Reads/sec" not in run("benchmark_tcp", *common, "--reads", 0).stdout
    assert "Measuring 5 read operations" in run("benchmark_tcp", "--reads", *common).stdout
    assert run("benchmark_tcp", *common, "--reads", "many").returncode != 0


# --- benchmark_durability ------------------------------------------------------------------------------------------

def expect_durability_test(lines, test, tests, writes):
    """Checks the lines of one test; returns what its results say and the lines behind them."""
    text = "\n".join(lines)
    rest = expect_lines(text, [
        rf"\[Test {test}/{tests}\]", "", r"Starting server\.\.\.",
        rf"Server will be killed after write #\d+/{writes}", "",
        r"Sending writes\.\.\. \[KILL\] Done \(\d+\.\d{3}s\)", r"Successful writes before kill: \d+",
        r"Total writes with OK status: \d+", "", r"Restarting server\.\.\.", "",
        r"Verifying persisted writes\.\.\.", "", *title("DURABILITY TEST RESULTS"), *RESULT_BLOCK, RULE])
    planned, before, total, got_ok, persisted, lost = (int(re.search(pattern, text).group(1)) for pattern in (
        r"killed after write #(\d+)/", r"before kill: (\d+)", r"OK status: (\d+)", *RESULT_BLOCK[:3]))
    assert planned == before <= total == got_ok == persisted + lost
    return (got_ok, persisted, lost), rest


@pytest.mark.parametrize("mode", ["always", "everysec", "none"])
@pytest.mark.parametrize("clients", [1, 4])
def test_durability_prints_the_documented_lines_and_keeps_its_exit_status(mode, clients, tmp_path):
    file = tmp_path / "durability.json"
    done = run("benchmark_durability", "--writes", 60, "--tests", 2, "--durability", mode, "--clients", clients,
               "--json", file)
    lines = done.stdout.split("\n")
    (got_ok, persisted, lost), rest = expect_durability_test(lines, 1, 2, 60)
    second = rest.index("[Test 2/2]")
    (got_ok_2, persisted_2, lost_2), rest = expect_durability_test(rest[second:], 2, 2, 60)
    totals = "\n".join(rest[rest.index(RULE):])
    expect_lines(totals, [*title("TOTALS OVER 2 TESTS"), rf"Total successful writes \(got OK\): {got_ok + got_ok_2}",
                          rf"Persisted after restart: {persisted + persisted_2}", rf"Lost writes: {lost + lost_2}",
                          RESULT_BLOCK[3], RULE])
    assert "Values that were never sent: 0" in done.stdout
    assert persisted + persisted_2 == (0 if mode == "none" else got_ok + got_ok_2)
    assert ("no persistence" in done.stdout) == (mode == "none")
    assert done.returncode == 0, done.stdout + done.stderr
    tests = rows(load_results(file, "benchmark_durability"), "durability")
    assert [(row["acknowledged"], row["persisted"]) for row in tests] == [(got_ok, persisted), (got_ok_2, persisted_2)]


def write_fake_server(path, get_reply):
    """A server that says OK to every write, keeps nothing, and answers GET as told: what a liar looks like."""
    path.write_text(f"""#!/usr/bin/env python3
import socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            reply = {{b"SET": '{{"status": "OK"}}', b"GET": {get_reply!r}}}.get(line[:3], '{{"status": "OK", "value": 0}}')
            self.wfile.write(reply.encode() + b"\\n")
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"TCP Server listening on 127.0.0.1:{{server.server_address[1]}}", flush=True)
server.serve_forever()
""")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("mode, status", [("always", 1), ("everysec", 1), ("none", 0)])
def test_durability_notices_lost_writes(mode, status, tmp_path):
    liar = write_fake_server(tmp_path / "liar", """{"status": "ERROR", "message": "Key 'k' not found"}""")
    done = run("benchmark_durability", "--writes", 20, "--durability", mode, "--server", liar)
    assert re.search(r"Persisted after restart: 0\nLost writes: [1-9]\d*\nData loss rate: 100\.00%", done.stdout)
    assert done.returncode == status, done.stdout + done.stderr


def test_durability_notices_values_that_were_never_sent_in_every_mode(tmp_path):
    liar = write_fake_server(tmp_path / "liar", '{"status": "OK", "value": "made up"}')
    done = run("benchmark_durability", "--writes", 20, "--durability", "none", "--server", liar)
    assert re.search(r"Values that were never sent: [1-9]", done.stdout)
    assert done.returncode == 1


def test_durability_says_why_a_server_does_not_start(tmp_path):
    done = run("benchmark_durability", "--server", tmp_path / "missing")
    assert done.returncode == 1 and "cannot run" in done.stderr
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho its reason\nexit 3\n")
    broken.chmod(0o755)
    done = run("benchmark_durability", "--server", broken)
    assert done.returncode == 1 and "its reason" in done.stderr


def children_of(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid):
    """False for a process that is gone or a zombie that nobody has collected yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited for half a minute"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupting_durability_leaves_no_server_and_no_directory(number, tmp_path):
    # It never answers, so the benchmark is waiting for it, for certain, when the signal comes.
    silent = tmp_path / "silent"
    silent.write_text("""#!/usr/bin/env python3
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(f"TCP Server listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
time.sleep(1000)
""")
    silent.chmod(0o755)
    process = subprocess.Popen([str(BIN / "benchmark_durability"), "--server", str(silent)],
                               env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE)
    try:
        for line in process.stdout:
            if b"Server will be killed" in line:
                break
        servers = children_of(process.pid)
        assert len(servers) == 1
        process.send_signal(number)
        status = process.wait(30)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 128 + number)
    wait_until(lambda: not runs(servers[0]))
    if number != signal.SIGKILL:
        assert list(tmp_path.glob("kvstore-benchmark-*")) == []


def test_interrupting_direct_leaves_no_child(tmp_path):
    process = subprocess.Popen([str(BIN / "benchmark_direct"), "--sizes", "100", "--seconds", "600", "--json",
                                str(tmp_path / "x.json")], stdout=subprocess.PIPE)
    try:
        for line in process.stdout:
            if b"existing keys" in line:
                break
        children = children_of(process.pid)
        assert len(children) == 1
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    wait_until(lambda: not runs(children[0]))


# --- benchmark_peers -----------------------------------------------------------------------------------------------

PEERS_TINY = ["--seconds", 0.05, "--clients", 6, "--server-cores", 0, "--load-cores", 0]
PEERS_QUICK = [*PEERS_TINY, "--keys", 200, "--rounds", 1]
PEERS_TABLE = r"    server +requests/s +CPU us/req +p50 us +p99 us +p99\.9 us +load  \| +req/s +CPU +p99 +p99\.9"
INSTALLED = {"kvstore": True, "redis": shutil.which("redis-server"), "valkey": shutil.which("valkey-server"),
             "memcached": shutil.which("memcached"), "floor": True}


def in_mode(mode):
    """The servers on this machine that have this persistence, in the order in which they are measured."""
    return [name for name, there in INSTALLED.items() if there and (mode == "off" or name not in ("memcached", "floor"))]


def measured(results):
    return [(row["durability"], row["operation"], row["pipeline"], row["server"]) for row in rows(results, "peers")]


def test_peers_measures_every_server_that_is_here_in_every_mode_it_has(tmp_path):
    file = tmp_path / "peers.json"
    done = run("benchmark_peers", *PEERS_QUICK, "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\r" not in done.stdout
    expect_lines(done.stdout, title("Servers Side by Side"))
    assert 'Trust "CPU us/req"' in done.stdout
    assert len(re.findall(PEERS_TABLE, done.stdout)) == 4 + 2 + 2
    for name, there in INSTALLED.items():
        assert (f"{name} is not on this machine: left out" in done.stdout) == (not there)
    results = load_results(file, "benchmark_peers")
    assert results["cores"] == len(os.sched_getaffinity(0)), "of the machine, not those left to the load"
    expected = [("off", operation, pipeline, name) for operation in ("get", "set") for pipeline in (1, 16)
                for name in in_mode("off")]
    expected += [(mode, "set", pipeline, name) for mode in ("everysec", "always") for pipeline in (1, 16)
                 for name in in_mode(mode)]
    assert measured(results) == expected
    assert all(row["per_second"] > 0 and row["p99.9_us"] >= row["p50_us"] > 0 for row in rows(results, "peers"))
    with_ratio = {row["server"] for row in rows(results, "peers") if "ratio_server_processor" in row}
    assert with_ratio == set(in_mode("off")) - {"kvstore"}
    assert [row["server"] for row in rows(results, "peers_memory") if row["durability"] == "off"] == [
        name for name in in_mode("off") if name != "floor"]


def test_peers_takes_several_rounds_threads_and_sizes(tmp_path):
    file = tmp_path / "peers.json"
    done = run("benchmark_peers", *PEERS_TINY, "--rounds", 3, "--load-threads", 2, "--keys", "50,100", "--values",
               "3,20000", "--servers", "kvstore,floor", "--durability", "off", "--pipeline", 2, "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    table = rows(load_results(file, "benchmark_peers"), "peers")
    assert {(row["keys"], row["value_bytes"]) for row in table} == {(50, 3), (50, 20000), (100, 3), (100, 20000)}
    assert len(table) == 4 * 2 * 2  # sizes, get and set, servers


def test_peers_at_a_fixed_rate_sends_what_was_asked_for(tmp_path):
    file = tmp_path / "peers.json"
    done = run("benchmark_peers", *PEERS_QUICK, "--servers", "kvstore,floor", "--durability", "off", "--pipeline", 4,
               "--rate", 2000, "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GET, pipeline 4 at 2000 requests/s" in done.stdout
    assert all(row["rate"] == 2000 for row in rows(load_results(file, "benchmark_peers"), "peers"))


@pytest.mark.skipif(not INSTALLED["redis"], reason="redis-server is not installed")
def test_peers_takes_its_rate_from_redis(tmp_path):
    file = tmp_path / "peers.json"
    done = run("benchmark_peers", *PEERS_QUICK, "--servers", "kvstore,redis", "--durability", "everysec", "--pipeline",
               1, "--rate", "half-of-redis", "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    rates = {row["rate"] for row in rows(load_results(file, "benchmark_peers"), "peers")}
    assert len(rates) == 1 and rates.pop() > 0


def test_peers_measures_a_server_named_on_the_command_line_and_names_the_missing(tmp_path):
    file = tmp_path / "peers.json"
    named = f"mine={BIN / 'kv_store_server'} --port {{port}} --durability none --data-dir {{dir}}/data --threads {{threads}}"
    done = run("benchmark_peers", *PEERS_QUICK, "--peer", named, "--peer", "gone=/nonexistent/server {port}",
               "--servers", "kvstore,mine,gone", "--pipeline", 1, "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gone is not on this machine: left out" in done.stdout
    assert measured(load_results(file, "benchmark_peers"))[:2] == [("off", "get", 1, "kvstore"), ("off", "get", 1, "mine")]
    wrong = run("benchmark_peers", *PEERS_QUICK, "--peer", "mine=server-without-a-port")
    assert wrong.returncode == 1 and "{port}" in wrong.stderr


def test_peers_without_any_peer_on_the_machine_measures_this_server_alone(tmp_path):
    file = tmp_path / "peers.json"
    done = subprocess.run([str(BIN / "benchmark_peers"), *map(str, PEERS_QUICK), "--json", str(file)],
                          env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("redis", "valkey", "memcached"):
        assert f"{name} is not on this machine: left out" in done.stdout
    assert {row["server"] for row in rows(load_results(file, "benchmark_peers"), "peers")} == {"kvstore", "floor"}


def test_peers_says_why_a_server_does_not_start_or_answers_wrongly(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho its reason\nexit 3\n")
    broken.chmod(0o755)
    done = run("benchmark_peers", *PEERS_QUICK, "--peer", f"broken={broken} {{port}}", "--servers", "broken")
    assert done.returncode == 1 and "broken: " in done.stderr and "its reason" in done.stderr
    assert run("benchmark_peers", "--servers", "nobody").returncode == 1
    assert run("benchmark_peers", "--server-cores", "0-").returncode == 1
    done = run("benchmark_peers", "--server", tmp_path / "missing")
    assert done.returncode == 1 and "there is no server at" in done.stderr


# --- floor ---------------------------------------------------------------------------------------------------------

@pytest.fixture
def start_floor():
    started = []

    def start(*options):
        process = subprocess.Popen([str(BIN / "floor"), *map(str, options)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        port = int(process.stdout.readline().rpartition(":")[2])
        return socket.create_connection(("127.0.0.1", port), TIMEOUT_S)

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def receive(connection, length):
    received = b""
    while len(received) < length:
        chunk = connection.recv(length - len(received))
        assert chunk, received
        received += chunk
    return received


def test_floor_answers_each_complete_request_and_no_other(start_floor):
    with start_floor("--request-bytes", 10, "--value-bytes", 3) as connection:
        reply = b"$3\r\nxxx\r\n"
        connection.sendall(b"a" * 9)
        connection.sendall(b"a" * 12)  # 21 bytes: two requests and a byte
        assert receive(connection, 2 * len(reply)) == 2 * reply
        connection.sendall(b"a" * 8)
        connection.sendall(b"a" * 2)  # 31: the third is complete, and a byte of the fourth is there
        assert receive(connection, len(reply)) == reply
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_floor_keeps_its_replies_whole_when_the_client_is_slow_to_read(start_floor):
    with start_floor("--request-bytes", 4, "--value-bytes", 1000) as connection:
        reply = b"$1000\r\n" + b"x" * 1000 + b"\r\n"
        connection.sendall(b"GET\n" * 20_000)  # 20 MB of replies: far more than the sockets hold
        assert receive(connection, 20_000 * len(reply)) == 20_000 * reply


# --- plot.py -------------------------------------------------------------------------------------------------------

PYTHON = "/usr/bin/python3"


def can_plot():
    return os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", "import matplotlib"],
                                                     capture_output=True).returncode == 0


@pytest.mark.skipif(not can_plot(), reason="python3-matplotlib is not installed")
def test_plot_draws_every_kind_of_results(tmp_path):
    direct, writes, durability, peers, rate = (
        tmp_path / f"{name}.json" for name in ("direct", "writes", "durability", "peers", "rate"))
    assert run("benchmark_direct", "--sizes", "0,100", "--threads", "1,2", "--seconds", 0.01, "--json",
               direct).returncode == 0
    assert run("benchmark_writes", "--max-keys", 100, "--json", writes).returncode == 0
    run("benchmark_durability", "--writes", 10, "--durability", "none", "--json", durability)
    assert run("benchmark_peers", *PEERS_QUICK, "--servers", "kvstore,floor", "--json", peers).returncode == 0
    assert run("benchmark_peers", *PEERS_QUICK, "--servers", "kvstore,floor", "--rate", 2000, "--json",
               rate).returncode == 0
    out = tmp_path / "charts"
    done = subprocess.run([PYTHON, str(REPOSITORY / "benchmarks" / "plot.py"), "--output", str(out), str(direct),
                           str(writes), str(durability), str(peers), str(rate)], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    drawn = {path.name for path in out.glob("*.png")}
    assert {"direct_throughput.png", "direct_latency.png", "direct_threads.png", "writes_latency.png",
            "durability_durability.png", "peers_peers.png", "rate_peers.png", "rate_peers_tail.png"} <= drawn
    assert "peers_peers_tail.png" not in drawn, "it shows a fixed rate, and this file has none"
    assert all(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for path in out.glob("*.png"))
    assert {line for line in done.stdout.split("\n") if line} == {str(out / name) for name in drawn}


@pytest.mark.skipif(not can_plot(), reason="python3-matplotlib is not installed")
def test_plot_names_a_file_it_cannot_read(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    done = subprocess.run([PYTHON, str(REPOSITORY / "benchmarks" / "plot.py"), str(broken)], capture_output=True,
                          text=True, timeout=TIMEOUT_S, cwd=tempfile.mkdtemp(dir=tmp_path))
    assert done.returncode == 1 and "broken.json" in done.stderr and "Traceback" not in done.stderr
