"""Fixtures for everything under tests/ that needs a running server.

Tests with a server run once for each event loop (io_uring, epoll). `server` is shared and emptied before each test; it
is durable, as servers are unless told otherwise. `server_of_each_mode` is its like in each mode of durability.
`start_server` gives a test servers of its own, with its own options.
"""

import shutil
import tempfile

import pytest

from harness import DURABILITY_MODES, RedisServer, Server, ServerDidNotStart, is_sanitized, server_binary


def start_or_skip(io, *options, **more):
    try:
        return Server(io, *options, **more)
    except ServerDidNotStart as failure:
        if io == "io_uring" and "io_uring" in failure.stderr + failure.stdout:
            pytest.skip(f"the server says: {(failure.stderr or failure.stdout).strip()}")
        raise


@pytest.fixture(scope="session", params=["io_uring", "epoll"])
def io(request):
    if not server_binary().exists():
        pytest.fail(f"{server_binary()} is not built")
    return request.param


class SharedServer:
    """One server for many tests; replaced when a test brought it down, so that only that test fails."""

    def __init__(self, io, **options):
        self.io, self.options, self.server = io, options, None

    def get(self):
        if self.server is None or not self.server.alive():
            self.server = start_or_skip(self.io, **self.options)
        with self.server.resp() as connection:
            connection.call("FLUSHALL")
        return self.server

    def stop(self):
        if self.server is not None and self.server.alive():
            self.server.stop()


@pytest.fixture(scope="session")
def shared_server(io):
    shared = SharedServer(io)
    yield shared
    shared.stop()


@pytest.fixture(scope="session", params=DURABILITY_MODES)
def durability(request):
    return request.param


@pytest.fixture(scope="session")
def shared_server_of_each_mode(io, durability):
    shared = SharedServer(io, durability=durability)
    yield shared
    shared.stop()


@pytest.fixture(scope="session")
def shared_single_thread_server(io):
    # It meets thousands of packets one after another, and what is asked of it is how it reads them.
    shared = SharedServer(io, threads=1, durability="none")
    yield shared
    shared.stop()


@pytest.fixture
def server(shared_server):
    server = shared_server.get()
    yield server
    server.assert_alive()


@pytest.fixture
def server_of_each_mode(shared_server_of_each_mode):
    server = shared_server_of_each_mode.get()
    yield server
    server.assert_alive()


@pytest.fixture(scope="session")
def shared_memory_server(io):
    shared = SharedServer(io, durability="none")
    yield shared
    shared.stop()


@pytest.fixture
def memory_server(shared_memory_server):
    """For tests of many thousand commands that wait for one another: on a slow disk each may take long."""
    server = shared_memory_server.get()
    yield server
    server.assert_alive()


@pytest.fixture
def single_thread_server(shared_single_thread_server):
    """One worker: when it has answered a PING, it has also received everything sent earlier on other connections."""
    server = shared_single_thread_server.get()
    yield server
    server.assert_alive()


@pytest.fixture
def data_home():
    """A directory that outlives servers, on a real disk (pytest's own tmp_path keeps what it holds)."""
    directory = tempfile.mkdtemp(prefix="kvstore-e2e-")
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def start_server(io, data_home):
    """Starts servers; they end before their data goes, hence data_home."""
    started = []

    def start(*options, **more):
        started.append(start_or_skip(io, *options, **more))
        return started[-1]

    yield start
    for server in started:
        if server.alive():
            server.stop()
        server.kill()
        server.remove_directory()


@pytest.fixture(params=["json", "resp2", "resp3"])
def protocol(request):
    return request.param


@pytest.fixture(scope="session")
def redis_server():
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def memory_figures():
    if is_sanitized():
        pytest.skip("a sanitizer build's memory use says nothing about the product")
