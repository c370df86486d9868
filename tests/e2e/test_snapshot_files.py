"""Snapshot files between us and the real redis-server, both ways: same keys, same values, same databases."""

import random
import shutil
import subprocess

import pytest

from harness import TIMEOUT_S, RedisServer, server_binary

DATABASES = 16


def rdb_tool(*words, **options):
    program = server_binary().with_name("rdb_tool")
    if not program.exists():
        pytest.fail(f"{program} is not built")
    return subprocess.run([program, *words], capture_output=True, timeout=TIMEOUT_S, check=False, **options)


def to_hex(data):
    return data.hex() or "-"


def from_hex(text):
    return b"" if text == "-" else bytes.fromhex(text)


def make_file(path, keys):
    lines = "".join(f"{db} {to_hex(key)} {to_hex(value)}\n" for (db, key), value in keys.items())
    run = rdb_tool("make", path.parent, input=lines.encode())
    assert run.returncode == 0, run.stderr.decode()
    (path.parent / "kvstore.db.snapshot").rename(path)


def print_file(path):
    run = rdb_tool("print", path)
    assert run.returncode == 0, run.stderr.decode()
    keys = {}
    for line in run.stdout.decode().splitlines():
        db, key, value = line.split()
        assert (int(db), from_hex(key)) not in keys
        keys[int(db), from_hex(key)] = from_hex(value)
    return keys


def refusal(path):
    run = rdb_tool("print", path)
    assert run.returncode == 1 and not run.stdout
    return run.stderr.decode()


def sample_keys(seed):
    """Every length class, every encoding that Redis chooses, binary keys, all databases."""
    rng = random.Random(seed)
    texts = [b"", b"0", b"-1", b"127", b"-128", b"128", b"32767", b"-32768", b"32768", b"2147483647", b"-2147483648",
             b"2147483648", b"007", b"+5", b"-0", b" 1", b"1.5", bytes(range(256)), b"\r\n\0", "é😀".encode()]
    texts += [bytes([65 + size % 26]) * size for size in (20, 21, 63, 64, 1000, 16383, 16384, 100_000)]
    texts += [rng.randbytes(size) for size in (20, 21, 63, 64, 8191, 8192, 16383, 16384, 300_000)]
    texts += [b"words words words " * 500, rng.randbytes(5000) * 10]
    keys = {}
    for number, text in enumerate(texts):
        keys[number % DATABASES, b"value of %d" % number] = text
        if text:  # an empty key is valid too, and comes below
            keys[number % DATABASES, text] = b"key of %d" % number
    keys[0, b""] = b"the empty key"
    for number in range(5000):
        size = rng.choice((1, 5, 16, 32, 40, 200))
        keys[rng.randrange(DATABASES), b"%d:%s" % (number, rng.randbytes(4))] = rng.randbytes(size)
    return keys


@pytest.fixture
def redis_in(tmp_path):
    """Starts a redis-server that loads dump.rdb of a folder of its own; stops it at the end."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    started = []

    def start(*options):
        started.append(RedisServer(*options, directory=tmp_path))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def read_all(connection):
    keys = {}
    for db in range(DATABASES):
        connection.call("SELECT", db)
        for key in connection.call("KEYS", "*"):
            keys[db, key] = connection.call("GET", key)
    return keys


def write_all(connection, keys):
    for (db, key), value in keys.items():
        connection.call("SELECT", db)
        connection.call("SET", key, value)


def test_redis_loads_our_file(redis_in, tmp_path):
    keys = sample_keys(1)
    make_file(tmp_path / "dump.rdb", keys)
    check = subprocess.run(["redis-check-rdb", tmp_path / "dump.rdb"], capture_output=True, timeout=TIMEOUT_S, check=False)
    assert check.returncode == 0, check.stdout.decode()
    assert b"RDB looks OK" in check.stdout
    with redis_in().resp() as connection:
        assert read_all(connection) == keys


@pytest.mark.parametrize("options", [(), ("--rdbcompression", "no"), ("--rdbchecksum", "no")])
def test_we_load_a_file_of_redis(redis_in, tmp_path, options):
    keys = sample_keys(2)
    with redis_in(*options).resp() as connection:
        write_all(connection, keys)
        connection.call("SAVE")
    assert print_file(tmp_path / "dump.rdb") == keys


def test_a_file_goes_through_redis_and_back(redis_in, tmp_path):
    keys = sample_keys(3)
    make_file(tmp_path / "dump.rdb", keys)
    with redis_in().resp() as connection:
        connection.call("SAVE")
    assert print_file(tmp_path / "dump.rdb") == keys


def test_keys_that_expired_are_left_out(redis_in, tmp_path):
    # With allkeys-lfu each key has its use frequency in the file. SAVE writes expired keys too.
    with redis_in("--maxmemory-policy", "allkeys-lfu", "--enable-debug-command", "yes").resp() as connection:
        connection.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        connection.call("SET", "stays", "1")
        connection.call("SET", "went", "2", "PX", 1)
        connection.call("SAVE")
    assert b"went" in (tmp_path / "dump.rdb").read_bytes()
    assert print_file(tmp_path / "dump.rdb") == {(0, b"stays"): b"1"}


@pytest.mark.parametrize("command, words", [
    (("EXPIRE", "k", "1000"), 'key "k" in database 3 expires at '),
    (("RPUSH", "k2", "a"), 'key "k2" in database 3 holds a list, which this version cannot load'),
    (("SADD", "k2", "a"), 'key "k2" in database 3 holds a set, which'),
    (("SADD", "k2", "1"), 'key "k2" in database 3 holds a set, which'),
    (("ZADD", "k2", "1", "a"), 'key "k2" in database 3 holds a sorted set, which'),
    (("HSET", "k2", "a", "b"), 'key "k2" in database 3 holds a hash, which'),
    (("XADD", "k2", "*", "a", "b"), 'key "k2" in database 3 holds a stream, which'),
    (("FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('f',function() return 1 end)"), "a function library"),
])
def test_what_we_cannot_load_is_refused_by_name(redis_in, tmp_path, command, words):
    with redis_in().resp() as connection:
        connection.call("SELECT", 3)
        connection.call("SET", "k", "v")
        connection.call(*command)
        connection.call("SAVE")
    assert words in refusal(tmp_path / "dump.rdb")


def test_a_damaged_file_is_refused_by_both(redis_in, tmp_path):
    keys = {(0, b"key"): b"value", (1, b"other"): b"value"}
    make_file(tmp_path / "good", keys)
    good = (tmp_path / "good").read_bytes()
    damaged = good.replace(b"other", b"othen")
    assert len(damaged) == len(good) and damaged != good
    (tmp_path / "bad.rdb").write_bytes(damaged)
    assert "the checksum is" in refusal(tmp_path / "bad.rdb")
    check = subprocess.run(["redis-check-rdb", tmp_path / "bad.rdb"], capture_output=True, timeout=TIMEOUT_S, check=False)
    assert check.returncode != 0
