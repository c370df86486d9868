"""kv_store_check: what it says of a real server's data directory, and the way out of damage that the refusal names."""

import pathlib
import re
import shutil
import subprocess

import pytest

from harness import TIMEOUT_S, ServerDidNotStart, server_binary

DAMAGED = 3


def check(*words):
    program = server_binary().with_name("kv_store_check")
    if not program.exists():
        pytest.fail(f"{program} is not built")
    run = subprocess.run([program, *map(str, words)], capture_output=True, timeout=TIMEOUT_S, check=False, text=True)
    return run.returncode, run.stdout, run.stderr


def last_line(text):
    return text.splitlines()[-1]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def start_on(start_server):
    return lambda folder, *options: start_server("--data-dir", folder, *options)


def end(server):
    server.signal(15)
    assert server.wait() == 0, server.stderr


def fill(start_on, folder, snapshot=True):
    server = start_on(folder)
    with server.resp() as connection:
        for number in range(500):
            connection.call("SET", f"key:{number}", f"value of {number}")
        if snapshot:
            connection.call("SAVE")
        connection.call("SET", "the good one", "kept\n")
        connection.call("FLUSHALL")
        connection.call("SET", "after", "the mistake")
    end(server)


def files_of(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


def test_a_healthy_directory_is_ok_and_stays_as_it_is(start_on, folder):
    fill(start_on, folder)
    before = files_of(folder)
    status, out, err = check("--data-dir", folder)
    assert status == 0, out + err
    assert re.fullmatch(r"OK: would recover \(case C\) to LSN \d+ with 1 key", last_line(out))
    assert files_of(folder) == before


def test_refuses_while_a_server_uses_the_directory(start_on, folder):
    server = start_on(folder)
    status, _, err = check("--data-dir", folder)
    assert status == 1 and "in use" in err and str(server.pid) in err


def test_usage_and_a_directory_that_is_not_there(tmp_path):
    assert check()[0] == 1
    assert check("--data-dir", tmp_path, "--cut", "5")[0] == 1, "--cut needs --output"
    status, _, err = check("--data-dir", tmp_path / "nothing")
    assert status == 1 and "nothing" in err
    assert not (tmp_path / "nothing").exists()
    status, out, _ = check("--help")
    assert status == 0 and "--cut" in out


def test_going_back_to_before_a_mistake(start_on, folder, tmp_path):
    fill(start_on, folder)
    status, out, _ = check("--data-dir", folder, "--print")
    assert status == 0
    assert 'set 0 "the good one" "kept\\n"' in out
    flush = re.search(r"^(\d+) flush", out, re.MULTILINE)
    status, out, err = check("--data-dir", folder, "--cut", flush[1], "--output", tmp_path / "copy")
    assert status == 0, out + err
    assert last_line(out) == f"OK: would recover (case C) to LSN {flush[1]} with 501 keys"
    server = start_on(tmp_path / "copy")
    with server.resp() as connection:
        assert connection.call("DBSIZE") == 501
        assert connection.call("GET", "the good one") == b"kept\n"
        connection.call("SET", "life", "goes on")
    end(server)
    assert check("--data-dir", tmp_path / "copy")[0] == 0


def test_the_refusal_names_the_way_out_of_damage(start_on, folder, tmp_path):
    fill(start_on, folder, snapshot=False)
    log = folder / "kvstore.db.wal.000001"
    content = bytearray(log.read_bytes())
    content[content.index(b"value of 250")] ^= 1
    log.write_bytes(content)
    before = files_of(folder)
    with pytest.raises(ServerDidNotStart) as failure:
        start_on(folder)
    assert failure.value.status == DAMAGED
    refusal = failure.value.stderr
    status, out, _ = check("--data-dir", folder)
    assert status == DAMAGED
    assert last_line(out).startswith("DAMAGED: a start would be refused: kvstore.db.wal.000001")

    command = re.search(r"kv_store_check (--data-dir \S+ --cut \d+ --output) COPY", refusal)
    words = command[1].split()
    status, out, err = check(*words, tmp_path / "copy")
    assert status == 0, out + err
    assert files_of(folder).keys() == before.keys() and (folder / log.name).read_bytes() == content
    server = start_on(tmp_path / "copy")
    with server.resp() as connection:
        assert connection.call("DBSIZE") == 250
        assert connection.call("GET", "key:249") == b"value of 249"
        assert connection.call("EXISTS", "key:250") == 0
    end(server)
    shutil.rmtree(folder)


def test_the_copy_needs_an_empty_directory(start_on, folder, tmp_path):
    fill(start_on, folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    status, _, err = check("--data-dir", folder, "--cut", "1000000", "--output", tmp_path / "full")
    assert status == 1 and "not empty" in err
    status, _, err = check("--data-dir", folder, "--cut", "1000000", "--output", folder)
    assert status == 1, err
