"""Clients that keep a server busy over few keys, and write down what they did and saw (history.py).

Half of the clients speak RESP, half JSON lines; some send one command at a time, some several in one piece. Values
occur once; most are short, some longer than a page, a batch of the log, or half a log file.
"""

import json
import random
import threading
import time

from harness import JsonConnection, RespError, encode_resp, quote_word, to_bytes
from history import Operation, check

KEYS = {
    "register": [f"register:{i}" for i in range(20)] + [f"group:{i}" for i in range(4)],
    "text": [f"text:{i}" for i in range(4)],
    "counter": [f"counter:{i}" for i in range(4)],
}
KINDS = {key: kind for kind, keys in KEYS.items() for key in keys}
GROUP_SIZE = 3


def members_of(key):
    return [f"{key}:{i}" for i in range(GROUP_SIZE)] if key.startswith("group:") else [key]


def words_of(key, operation):
    members = members_of(key)
    if operation.kind == "set":
        words = [word for member in members for word in (member, operation.value)]
        return ["MSET" if len(members) > 1 else "SET", *words]
    if operation.kind == "append":
        return ["APPEND", key, operation.value]
    if operation.kind == "get":
        return ["MGET" if len(members) > 1 else "GET", *members]
    return [{"del": "DEL", "incr": "INCR"}[operation.kind], *members]


def as_text(reply):
    """Numbers are typed in JSON; a value is a text here."""
    if reply is None:
        return None
    return reply.decode() if isinstance(reply, bytes) else str(reply)


class Client:
    """A connection in one of the protocols that sends operations, several in one piece, and fills in their replies."""

    def __init__(self, server, protocol):
        self.connection = server.connect(protocol)
        self.json = protocol == "json"

    def encode(self, words):
        if not self.json:
            return encode_resp(*words)
        return b" ".join([to_bytes(words[0]), *map(quote_word, words[1:])]) + b"\n"

    def read_reply(self):
        if not self.json:
            return self.connection.read_reply()
        return JsonConnection.value_of(json.loads(self.connection.read_line()))

    def call(self, *words):
        self.connection.send(self.encode(words))
        return self.read_reply()

    def send(self, batch):
        now = time.monotonic()
        for _, operation in batch:
            operation.start = now
        self.connection.send(b"".join(self.encode(words_of(*row)) for row in batch))

    def receive(self, key, operation):
        """Notes the reply; returns what is wrong with it in itself, or None."""
        try:
            reply = self.read_reply()
        except RespError as error:
            operation.refused, operation.result = True, str(error)
        operation.end = time.monotonic()
        operation.replied = True
        if operation.refused:
            return None
        members = members_of(key)
        if operation.kind == "get":
            values = [as_text(value) for value in (reply if len(members) > 1 else [reply])]
            operation.value = values[0]
            return None if len(set(values)) == 1 else f"{key}: half of an MSET was there"
        operation.result = reply
        whole = operation.kind != "del" or reply in (0, len(members))
        return None if whole else f"{key}: half of an MSET was deleted"

    def close(self):
        self.connection.close()


class Load:
    """A number of clients on one server, each a thread. What they did stays in `history` over many servers."""

    def __init__(self, seed, refusals=()):
        self.random = random.Random(seed)
        self.history = {key: [] for key in KINDS}
        self.unexpected = []
        self.refusals = tuple(refusals)  # beginnings of the error replies that may come
        self.refused = 0
        self.replies = 0
        self.synced = 0  # replies before this moment are known to be on disk
        self._lock = threading.Lock()
        self._threads = []
        self._may_break = threading.Event()  # connections, from now on
        self._stop = threading.Event()
        self._names = 0

    # --- what clients do ------------------------------------------------------------------------------------------

    def _value(self, choice, name, number):
        token = f"{name}.{number}-"
        size = choice.random()
        if size < 0.8:
            length = choice.randrange(200)
        elif size < 0.96:
            length = choice.randrange(3_000, 20_000)
        elif size < 0.997:
            length = choice.randrange(100_000, 300_000)
        else:
            length = choice.randrange(1_000_000, 1_300_000)
        return token + (token * (length // len(token) + 1))[:length]

    def _operation(self, choice, name, number):
        what = choice.random()
        if what < 0.72:
            key = choice.choice(KEYS["register"])
            kind = choice.choices(["set", "get", "del"], [5, 3, 1])[0]
            return key, Operation(kind, self._value(choice, name, number) if kind == "set" else None)
        if what < 0.86:
            key = choice.choice(KEYS["text"])
            return key, (Operation("get") if choice.random() < 0.3 else Operation("append", f"{name}.{number};"))
        return choice.choice(KEYS["counter"]), Operation("get" if choice.random() < 0.3 else "incr")

    def _run_client(self, server, protocol, name, seed):
        choice = random.Random(seed)
        number = 0
        done = []
        wrong = []
        try:
            client = Client(server, protocol)
            while not self._stop.is_set():
                batch = []
                for _ in range(choice.choice([1, 1, 1, 2, 5, 12])):
                    number += 1
                    batch.append(self._operation(choice, name, number))
                done += batch
                client.send(batch)
                for key, operation in batch:
                    wrong.append(client.receive(key, operation))
            client.close()
        except (OSError, AssertionError) as error:
            if not self._may_break.is_set():
                wrong.append(f"a connection ended before its server: {error!r:.300}")
        except Exception as error:  # a reply that cannot be read, say: must not be lost with its thread
            wrong.append(f"a client failed: {error!r:.300}")
        died = time.monotonic()
        with self._lock:
            for key, operation in done:
                if not operation.replied:
                    operation.end = died
                elif operation.refused and not operation.result.startswith(self.refusals):
                    wrong.append(f"{operation.kind} {key}: {operation.result}")
                self.refused += operation.refused
                self.replies += operation.replied
                self.history[key].append(operation)
            self.unexpected += filter(None, wrong)

    def _run_admin(self, server, requests, seed):
        """Asks for FLUSH and SNAPSHOT all the time."""
        choice = random.Random(seed)
        try:
            with server.json() as connection:
                while not self._stop.is_set():
                    line, reply = choice.choice(requests)
                    begun = time.monotonic()
                    answer = connection.exchange(line.encode()).decode().strip()
                    if answer == reply:
                        self.synced = begun
                    else:
                        self.unexpected.append(f"{line}: {answer}")
                    self._stop.wait(choice.random() * 0.05)
        except (OSError, AssertionError) as error:
            if not self._may_break.is_set():
                self.unexpected.append(f"{requests}: {error!r:.300}")

    # --- the run --------------------------------------------------------------------------------------------------

    def begin(self, server, clients, admin=()):
        self._may_break.clear()
        self._stop.clear()
        for i in range(clients):
            self._names += 1
            protocol = ("json", "resp2", "resp3", "json")[i % 4]
            self._start(self._run_client, server, protocol, f"c{self._names}", self.random.random())
        if admin:
            self._start(self._run_admin, server, list(admin), self.random.random())

    def _start(self, run, *arguments):
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def expect_crash(self):
        """From now on connections may break; clients go on until theirs does."""
        self._may_break.set()

    def stop(self):
        """Ends the clients in good order."""
        self._stop.set()
        self.join()

    def join(self):
        for thread in self._threads:
            thread.join(60)
            if thread.is_alive():
                self.unexpected.append("a client hangs")
        self._stop.set()
        self._threads.clear()

    def read_all(self, server):
        """Reads every key, as a part of the history; nothing else may be there."""
        try:
            self._read_all(server)
        except (OSError, AssertionError) as error:
            status = server.process.poll()
            raise AssertionError(f"{error}; the server's status: {status}\n{server.stderr[-3000:]}") from error

    def _read_all(self, server):
        client = Client(server, self.random.choice(["json", "resp2", "resp3"]))
        there = 0
        for key in KINDS:
            operation = Operation("get")
            client.send([(key, operation)])
            wrong = client.receive(key, operation)
            if wrong or operation.refused:
                self.unexpected.append(wrong or f"GET {key}: {operation.result}")
            self.history[key].append(operation)
            there += 0 if operation.value is None else len(members_of(key))
        keys = client.call("DBSIZE")
        if keys != there:
            self.unexpected.append(f"{keys} keys, where {there} were written")
        client.close()

    def forget_after(self, moment):
        """For a crash that may take back what happened after `moment`: replies of then prove nothing."""
        for operations in self.history.values():
            for operation in operations:
                if operation.replied and operation.end > moment:
                    operation.replied = False
                    operation.result = None

    def violations(self):
        found = list(self.unexpected)
        for key, operations in self.history.items():
            found += [f"{key}: {text}" for text in check(KINDS[key], operations)]
        return found
