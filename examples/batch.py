#!/usr/bin/env python3
"""A batch of SETs on one connection, pipelined: send many lines, then read as many replies, in order.

  python3 batch.py
  python3 batch.py --count 100000 --port 7000

One round trip serves a whole batch, so this is far faster than waiting for each reply. Batches are kept small enough
that the replies of one always fit in the socket buffers: we do not read while we send.
Needs only the standard library.
"""

import argparse
import json
import socket
import time

LINES_PER_BATCH = 1000


def set_many(connection, replies, items):
    """Sets every (key, value) of `items`; returns how many the server accepted."""
    lines = [f"SET {json.dumps(key)} {json.dumps(value)}\n" for key, value in items]
    connection.sendall("".join(lines).encode())
    return sum(json.loads(replies.readline())["status"] == "OK" for _ in lines)


def main():
    parser = argparse.ArgumentParser(description="Set many keys on one connection, pipelined.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=6379)
    parser.add_argument("--count", type=int, default=10000, help="number of keys (default 10000)")
    arguments = parser.parse_args()

    accepted = 0
    started = time.monotonic()
    with socket.create_connection((arguments.host, arguments.port), timeout=10) as connection:
        with connection.makefile("rb") as replies:
            for first in range(0, arguments.count, LINES_PER_BATCH):
                last = min(first + LINES_PER_BATCH, arguments.count)
                items = [(f"example:batch:{i}", f"value {i}") for i in range(first, last)]
                accepted += set_many(connection, replies, items)
    seconds = time.monotonic() - started
    print(f"{accepted} of {arguments.count} keys set in {seconds:.3f} s")
    if accepted != arguments.count:
        raise SystemExit("the server refused some of them")


if __name__ == "__main__":
    main()
