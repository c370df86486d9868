#!/usr/bin/env python3
"""One command, one connection: connect, send one line, read one line, close.

  python3 oneshot.py                          runs a short tour: SET, GET, DELETE, GET
  python3 oneshot.py 'SET user:1 "john"'      sends that line and prints the reply
  python3 oneshot.py --port 7000 'GET user:1'

Needs only the standard library. The same can be done by hand with `telnet 127.0.0.1 6379`.
"""

import argparse
import json
import socket


def send_command(host, port, line):
    """Sends one line on a connection of its own; returns the reply, a dict."""
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(line.encode() + b"\n")
        with connection.makefile("rb") as replies:
            return json.loads(replies.readline())


def main():
    parser = argparse.ArgumentParser(description="Send one command to a kvstore server.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=6379)
    parser.add_argument("line", nargs="*", help="the command; without one, a short tour")
    arguments = parser.parse_args()

    if arguments.line:
        print(json.dumps(send_command(arguments.host, arguments.port, " ".join(arguments.line))))
        return
    for line in ['SET example:user "john"', "GET example:user", "DELETE example:user", "GET example:user"]:
        print(f"{line:28} -> {json.dumps(send_command(arguments.host, arguments.port, line))}")


if __name__ == "__main__":
    main()
