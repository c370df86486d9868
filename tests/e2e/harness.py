"""What every end-to-end test stands on: the server as a process, raw connections in each protocol, memory figures.

The server is found in build/release/bin, or in the folder that KVSTORE_BIN names. Every server gets a free port and a
fresh directory, and is ended by its process id. Every socket has a timeout, so a server that does not answer fails a
test instead of hanging it.
"""

import functools
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_S = 30.0
MIB = 1024 * 1024
DURABILITY_MODES = ["always", "everysec", "none"]


def server_binary():
    folder = os.environ.get("KVSTORE_BIN") or REPOSITORY / "build" / "release" / "bin"
    return pathlib.Path(folder) / "kv_store_server"


@functools.cache
def is_sanitized():
    """True for a build with a sanitizer: its memory figures say nothing about the product."""
    binary = server_binary().read_bytes()
    return b"__asan_init" in binary or b"__tsan_init" in binary


def raise_open_files_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class ServerDidNotStart(Exception):
    def __init__(self, status, stdout, stderr):
        super().__init__(f"the server ended with status {status}\nstdout: {stdout}\nstderr: {stderr}")
        self.status, self.stdout, self.stderr = status, stdout, stderr


class _Process:
    """A child with its output collected by threads, so that it never blocks on a full pipe."""

    def __init__(self, command, directory):
        self.process = subprocess.Popen(
            [str(word) for word in command], cwd=directory, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._lines = {"stdout": [], "stderr": []}
        self._changed = threading.Condition()
        self._open_streams = len(self._lines)
        self._readers = [threading.Thread(target=self._collect, args=(name,), daemon=True) for name in self._lines]
        for reader in self._readers:
            reader.start()

    def _collect(self, name):
        for line in getattr(self.process, name):
            with self._changed:
                self._lines[name].append(line.decode(errors="replace"))
                self._changed.notify_all()
        with self._changed:
            self._open_streams -= 1
            self._changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def stdout(self):
        return "".join(self._lines["stdout"])

    @property
    def stderr(self):
        return "".join(self._lines["stderr"])

    def wait_for_line(self, pattern, timeout=TIMEOUT_S, stream="stdout"):
        """The first match on stdout; raises when the process ends without one."""
        def found():
            return next(filter(None, (re.search(pattern, line) for line in self._lines[stream])), None)
        with self._changed:
            self._changed.wait_for(lambda: found() or self._open_streams == 0, timeout)
            match = found()
        if match is None:
            if self.process.poll() is None and self._open_streams:
                self.kill()
                raise AssertionError(f"not ready within {timeout} s\n{self.stdout}\n{self.stderr}")
            raise ServerDidNotStart(self.wait(), self.stdout, self.stderr)
        return match

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=TIMEOUT_S):
        status = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        return status

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()


class Server(_Process):
    """kv_store_server on a free port of 127.0.0.1, in a directory of its own.

    With a directory, which stays, it goes on from the data that an earlier server left there. `durability` is one of
    DURABILITY_MODES, or None for what the server does when nobody says anything. With ready=False it is only started;
    wait_until_ready() then gives it its port.
    """

    def __init__(self, io, *options, threads=2, bind="127.0.0.1", port=0, durability=None, directory=None, ready=True):
        self.io = io
        self.keep_directory = directory is not None
        self.directory = str(directory or tempfile.mkdtemp(prefix="kvstore-e2e-"))
        command = [server_binary(), "--port", port, "--bind", bind, "--threads", threads, "--io", io, *options]
        if durability is not None:
            command += ["--durability", durability]
        if "--log-segment-mib" not in options:
            command += ["--log-segment-mib", 2]  # made and filled in no time
        try:
            super().__init__(command, self.directory)
            self.port = port
            if ready:
                self.wait_until_ready()
        except BaseException:
            self.remove_directory()
            raise

    def wait_until_ready(self, timeout=TIMEOUT_S):
        self.port = int(self.wait_for_line(r"TCP Server listening on \S+:(\d+)", timeout)[1])

    def remove_directory(self):
        if not self.keep_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def data_directory(self):
        return pathlib.Path(self.directory) / "kvstore-data"

    def resp(self, protocol=2, **options):
        connection = RespConnection(self.port, **options)
        if protocol == 3:
            connection.call("HELLO", "3")
        return connection

    def json(self, **options):
        return JsonConnection(self.port, **options)

    def connect(self, protocol, **options):
        """A connection whose call() works the same in 'json', 'resp2' and 'resp3'."""
        if protocol == "json":
            return self.json(**options)
        return self.resp(3 if protocol == "resp3" else 2, **options)

    def raw(self, timeout=TIMEOUT_S):
        return Connection(self.port, timeout=timeout)

    def rss_bytes(self):
        return self._status_bytes("VmRSS")

    def peak_rss_bytes(self):
        return self._status_bytes("VmHWM")

    def reset_peak_rss(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status_bytes(self, field):
        """0 for a sanitizer build, so that tests of behaviour still run there and their upper bounds hold."""
        if is_sanitized():
            return 0
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field}: the server is gone, status {self.process.poll()}\n{self.stderr}")

    def assert_alive(self):
        assert self.alive(), f"the server ended with status {self.process.returncode}\n{self.stderr}"

    def stop(self):
        """An orderly end; anything but exit status 0 is a failure."""
        try:
            if self.alive():
                self.signal(signal.SIGTERM)
            status = self.wait()
        finally:
            self.kill()
            self.remove_directory()
        assert status == 0, f"exit status {status}\n{self.stderr}"


class RedisServer(_Process):
    """The real redis-server, without persistence: the yardstick for RESP replies.

    With a directory, which stays, it loads the dump.rdb that is there.
    """

    def __init__(self, *options, directory=None):
        self.keep_directory = directory is not None
        self.directory = directory or tempfile.mkdtemp(prefix="kvstore-e2e-redis-")
        self.port = free_port()
        super().__init__([
            "redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
            self.directory, *options
        ], self.directory)
        self.wait_for_line("Ready to accept connections")

    def resp(self, protocol=2):
        connection = RespConnection(self.port)
        if protocol == 3:
            connection.call("HELLO", "3")
        return connection

    def raw(self, timeout=TIMEOUT_S):
        return Connection(self.port, timeout=timeout)

    def stop(self):
        self.signal(signal.SIGTERM)
        try:
            self.wait()
        finally:
            self.kill()
            if not self.keep_directory:
                shutil.rmtree(self.directory, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Connection:
    """A TCP connection with a buffered reader."""

    def __init__(self, port, host="127.0.0.1", timeout=TIMEOUT_S):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb", buffering=256 * 1024)

    def send(self, data):
        self.socket.sendall(data)

    def send_in_background(self, data):
        """For streams larger than the socket buffers: the caller reads meanwhile, then joins the thread."""
        thread = threading.Thread(target=self.socket.sendall, args=(data,), daemon=True)
        thread.start()
        return thread

    def read_exactly(self, size):
        data = self.reader.read(size)
        assert len(data) == size, f"the connection ended after {len(data)} of {size} bytes: {data[-200:]!r}"
        return data

    def read_line(self):
        line = self.reader.readline()
        assert line.endswith(b"\n"), f"the connection ended within a line: {line[-200:]!r}"
        return line

    def read_until_closed(self):
        """All bytes up to the peer's close; a reset after an orderly reply counts as a close."""
        received = bytearray()
        try:
            while chunk := self.reader.read1(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return bytes(received)

    def read_first_line(self):
        """One line, or what came before the peer closed."""
        try:
            return self.reader.readline()
        except ConnectionResetError:
            return b""

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.reader.close()
        self.socket.close()

    def abort(self):
        """Closes with a reset, which leaves no port waiting on our side."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RespError(Exception):
    pass


def to_bytes(word):
    return word if isinstance(word, bytes) else str(word).encode()


def encode_resp(*words):
    words = [to_bytes(word) for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class RespConnection(Connection):
    """RESP2 and RESP3, with the exact bytes of a reply or its value."""

    def call(self, *words):
        self.send(encode_resp(*words))
        return self.read_reply()

    def raw_call(self, *words):
        self.send(encode_resp(*words))
        return self.read_raw_reply()

    def read_raw_reply(self):
        line = self.read_line()
        assert line.endswith(b"\r\n"), f"a RESP line without CR: {line!r}"
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=!" and rest != b"-1":
            return line + self.read_exactly(int(rest) + 2)
        if kind in b"*~>%" and rest != b"-1":
            elements = int(rest) * (2 if kind == b"%" else 1)
            return line + b"".join(self.read_raw_reply() for _ in range(elements))
        assert kind in b"+-:$*_#,(", f"not a RESP reply: {line!r}"
        return line

    def read_reply(self):
        """str for simple strings, bytes for bulk strings; an error reply is raised."""
        value = self._read_value()
        if isinstance(value, RespError):
            raise value
        return value

    def _read_value(self):
        line = self.read_line()
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return RespError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind in b"$=":
            if rest == b"-1":
                return None
            data = self.read_exactly(int(rest) + 2)[:-2]
            return data[4:] if kind == b"=" else data
        if kind in b"*~>":
            return None if rest == b"-1" else [self._read_value() for _ in range(int(rest))]
        if kind == b"%":
            return {self._read_value(): self._read_value() for _ in range(int(rest))}
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        raise AssertionError(f"not a RESP reply: {line!r}")


def quote_word(word):
    """A word of a JSON line, always in double quotes."""
    return json.dumps(word.decode() if isinstance(word, bytes) else str(word)).encode()


class JsonConnection(Connection):
    """The JSON line protocol. call() maps a reply to what RespConnection.call() would return, as far as it goes."""

    def exchange(self, line):
        """Sends one line; returns the exact bytes of its reply."""
        self.send(line + b"\n")
        return self.read_line()

    def request(self, line):
        return json.loads(self.exchange(to_bytes(line)))

    def call(self, *words):
        line = b" ".join([to_bytes(words[0]), *map(quote_word, words[1:])])
        return self.value_of(json.loads(self.exchange(line)))

    @staticmethod
    def value_of(reply):
        if reply["status"] != "OK":
            message = reply.get("message", "")
            if message.startswith("Key '") and message.endswith("' not found"):
                return None
            raise RespError(f"{reply.get('code', 'ERR')} {message}")
        value = reply.get("value", reply.get("message", "OK"))
        return value.encode() if isinstance(value, str) and "value" in reply else value
