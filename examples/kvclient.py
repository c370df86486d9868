#!/usr/bin/env python3
"""A small client class: set and get take and return any JSON value.

  with KVClient() as client:
      client.set("user:1", {"name": "Alice", "tags": ["a", "b"]})
      client.get("user:1")["name"]            # 'Alice'
      client.set("zip", "00501")
      client.get("zip")                       # '00501', still a string

Numbers, booleans, None, lists, dicts and strings come back as they went in. The trick: the server stores bytes, and
writes bytes that are a JSON text back as that JSON value. So `set` always stores a JSON text, also for a string: the
string 42 is stored as "42" with its quotes, the number 42 without. Needs only the standard library.
"""

import argparse
import base64
import json
import socket


class KVError(Exception):
    """The server answered with an error."""


class KVClient:
    """One connection to a kvstore server. Not for use by several threads at once."""

    def __init__(self, host="127.0.0.1", port=6379, timeout=10):
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._replies = self._socket.makefile("rb")

    def set(self, key, value):
        """Stores any value that json.dumps can write (but not NaN or infinity, which are not JSON)."""
        text = json.dumps(value, allow_nan=False)
        # A second json.dumps makes the text one double-quoted word on one line, whatever is in it.
        self._request(f"SET {json.dumps(key)} {json.dumps(text)}")

    def get(self, key, default=None):
        """The value, or `default` when the key is not there."""
        reply = self._roundtrip(f"GET {json.dumps(key)}")
        if reply["status"] == "OK":
            if "value_base64" in reply:  # bytes that are not text, written by another program
                return base64.b64decode(reply["value_base64"])
            return reply["value"]
        if reply["message"] == f"Key '{key}' not found":
            return default
        raise KVError(reply["message"])

    def delete(self, key):
        """True when the key was there."""
        return self._roundtrip(f"DELETE {json.dumps(key)}")["status"] == "OK"

    def ping(self):
        return self._request("PING")["message"] == "PONG"

    def close(self):
        self._replies.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _roundtrip(self, line):
        self._socket.sendall(line.encode() + b"\n")
        reply = self._replies.readline()
        if not reply:
            raise ConnectionError("the server closed the connection")
        return json.loads(reply)

    def _request(self, line):
        reply = self._roundtrip(line)
        if reply["status"] != "OK":
            raise KVError(reply.get("message", "error"))
        return reply


def main():
    parser = argparse.ArgumentParser(description="Store JSON values and read them back.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=6379)
    arguments = parser.parse_args()

    values = [42, -1.5, True, None, "hello", "42", "true", "", [1, "two", None], {"name": "Alice", "age": 30}]
    with KVClient(arguments.host, arguments.port) as client:
        for value in values:
            client.set("example:value", value)
            back = client.get("example:value")
            print(f"{value!r:32} -> {back!r}")
            if back != value or type(back) is not type(value):
                raise SystemExit("a value changed on its way")
        client.delete("example:value")


if __name__ == "__main__":
    main()
