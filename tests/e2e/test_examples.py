"""The Python scripts in examples/ do what they say, each as a user would run it."""

import subprocess
import sys

import pytest

from harness import REPOSITORY

EXAMPLES = REPOSITORY / "examples"


def run_example(server, name, *arguments):
    run = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, "--host", "127.0.0.1", "--port",
         str(server.port), *arguments],
        capture_output=True,
        text=True,
        timeout=60)
    assert run.returncode == 0 and run.stderr == "", (run.returncode, run.stdout, run.stderr)
    return run.stdout


def test_every_python_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"oneshot.py", "batch.py", "kvclient.py"}


def test_oneshot_tour(server):
    lines = run_example(server, "oneshot.py").splitlines()
    assert [line.split("-> ")[1] for line in lines] == [
        '{"status": "OK", "message": "Key \'example:user\' set"}', '{"status": "OK", "value": "john"}',
        '{"status": "OK"}', '{"status": "ERROR", "message": "Key \'example:user\' not found"}'
    ]


def test_oneshot_sends_the_given_line(server):
    assert run_example(server, "oneshot.py", 'SET k "a b"') == '{"status": "OK", "message": "Key \'k\' set"}\n'
    assert run_example(server, "oneshot.py", "GET", "k") == '{"status": "OK", "value": "a b"}\n'


def test_batch_sets_every_key(server):
    assert run_example(server, "batch.py", "--count", "2500").startswith("2500 of 2500 keys set in ")
    with server.resp() as connection:
        assert connection.call("DBSIZE") == 2500
        assert connection.call("GET", "example:batch:2499") == b"value 2499"


def test_client_demo(server):
    lines = run_example(server, "kvclient.py").splitlines()
    assert len(lines) == 10 and all(
        left.strip() == right.strip() for left, right in (line.split("->") for line in lines))


@pytest.fixture
def client(server, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from kvclient import KVClient
    with KVClient("127.0.0.1", server.port) as client:
        yield client


@pytest.mark.parametrize("value", [
    0, 42, -1.5, 1e300, 10**40, True, False, None, "", "hello", "42", "true", "null",
    '"', "'", '"x"', "a\nb\r\n\t", "it's", " padded ", "C:\\new", "\u00e9\u2028\U0001f600", "\x00", [], {},
    [1, "1", [None]], {"a": {"b": [True, "x' NX"]}}, "v\" EX 10", "' NX", "\\"
])
def test_client_returns_any_json_value_as_it_was(client, value):
    client.set("k", value)
    back = client.get("k")
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize("key", ["plain", "with space", 'quo"te', "it's", "\u00e9", "new\nline", "back\\slash", ""])
def test_client_takes_any_text_as_key(client, key):
    client.set(key, "v")
    assert client.get(key) == "v"
    assert client.delete(key) is True and client.delete(key) is False
    assert client.get(key) is None and client.get(key, 7) == 7


def test_client_reads_bytes_another_program_wrote(server, client):
    with server.resp() as connection:
        connection.call("SET", "k", b"\xff\x00")
    assert client.get("k") == b"\xff\x00"
    assert client.ping() is True


def test_client_refuses_what_is_not_json(client):
    with pytest.raises(ValueError):
        client.set("k", float("nan"))
    assert client.ping() is True
