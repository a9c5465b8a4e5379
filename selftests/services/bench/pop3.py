#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
pop3.py [OPTION...]: a Maildir of 10,000 messages, by linnet-pop3d and TCP on loopback: from the connection to the
end of LIST, UIDL and all messages. services.py calls it.

A second Maildir has names without sizes, as other programs deliver: all files are read before the login is answered.
The exit status is 1 when the first is not listed within a second.
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:1] = [os.path.join(HERE, ".."), os.path.join(HERE, "../../userspace"), HERE]
# pylint: disable=wrong-import-position
import servers
from figures import quartiles

MESSAGES, SIZE = 10000, 2000
LIMIT_S = 1.0
TIMEOUT = 120
STEPS = "login", "LIST", "login and LIST", "UIDL", "all messages, each second"


def arguments():
    p = argparse.ArgumentParser(description="linnet-pop3d with a large Maildir, in figures.")
    p.add_argument("--programs", required=True, help="folder of our programs")
    p.add_argument("--out", default=".", help="folder for the figures")
    p.add_argument("--seeds", type=int, default=5, help="rounds")
    p.add_argument("--seconds", type=int, default=1, help="not used: there is a number of messages")
    p.add_argument("--only", default="", help="only when this is in the name")
    args = p.parse_args()
    args.programs, args.out = os.path.abspath(args.programs), os.path.abspath(args.out)
    return args


def furnish(box, sizes):
    for sub in ("cur", "new", "tmp"):
        os.makedirs(f"{box}/{sub}")
    line = b"x" * 70 + b"\n"
    data = b"Subject: bench\n\n" + line * (SIZE // len(line))
    wire = len(data) + data.count(b"\n")
    for i in range(MESSAGES):
        name = f"{1700000000 + i}.M{i}P1Q1.bench" + (f",S={len(data)},W={wire}" if sizes else "")
        with open(f"{box}/{'new' if i % 2 else 'cur'}/{name}{'' if i % 2 else ':2,S'}", "wb") as f:
            f.write(data)


class Client:
    def __init__(self, port, user):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.file = self.socket.makefile("rb", 1 << 18)
        self.line()
        self.ask(f"USER {user}")
        self.ask("PASS x")

    def line(self):
        line = self.file.readline()
        if not line.startswith(b"+OK"):
            sys.exit(f"pop3.py: {line!r}")
        return line

    def ask(self, text):
        self.socket.sendall(text.encode("ascii") + b"\r\n")
        return self.line()

    def lines(self):
        n = 0
        while self.file.readline() != b".\r\n":
            n += 1
        return n


def once(port, user):
    """Seconds of each of STEPS, and messages per second for the last."""
    begin = time.monotonic()
    c = Client(port, user)
    login = time.monotonic()
    c.ask("LIST")
    if c.lines() != MESSAGES:
        sys.exit("pop3.py: not all messages are in LIST")
    listed = time.monotonic()
    c.ask("UIDL")
    if c.lines() != MESSAGES:
        sys.exit("pop3.py: not all messages are in UIDL")
    named = time.monotonic()
    for first in range(1, MESSAGES + 1, 100):
        c.socket.sendall(b"".join(b"RETR %d\r\n" % n for n in range(first, first + 100)))
        for _ in range(100):
            c.line()
            c.lines()
    fetched = time.monotonic()
    # The end is seen when the mailbox is free for another session
    c.socket.shutdown(socket.SHUT_WR)
    c.file.read()
    c.socket.close()
    return login - begin, listed - login, listed - begin, named - listed, MESSAGES / (fetched - named)


def main():
    args = arguments()
    if args.only not in "pop3 linnet-pop3d":
        return
    started, late = time.monotonic(), False
    work = tempfile.mkdtemp(prefix="linnet-bench-")
    try:
        port = servers.free_port()
        hashed = subprocess.run(["openssl", "passwd", "-5", "x"], check=True, capture_output=True, text=True).stdout.strip()
        boxes = {"named": "names with sizes", "plain": "names without sizes"}
        for user in boxes:
            furnish(f"{work}/mail/{user}", user == "named")
        users = servers.write(f"{work}/users", "".join(f"{user}:{hashed}\n" for user in boxes))
        conf = servers.write(f"{work}/linnet-pop3d.conf", f"""workers = 1
pop3-listen = {{ "127.0.0.1:{port}" }}
transports = "tcp"
users = "{users}"
mail-root = "{work}/mail"
auth-without-tls = true
""")
        server = servers.Server(work, "linnet-pop3d", [f"{args.programs}/linnet-pop3d", "-c", conf], {"pop3": port})
        text = [f"services-pop3: a Maildir of {MESSAGES:,} messages of {SIZE} octets by linnet-pop3d",
                "  seconds, median and quartiles; the login has the check of a password in it"]
        result = {"name": "services-pop3", "messages": MESSAGES, "octets": SIZE, "rounds": args.seeds, "cases": []}
        for user, what in boxes.items():
            figures = []
            for _ in range(args.seeds + 1):
                figures.append(once(port, user))
            for name, values in zip(STEPS, zip(*figures[1:])):
                q = quartiles(values)
                text.append(f"{what:22} {name:28} {q[1]:10.3f} ({q[0]:.3f} to {q[2]:.3f})")
                result["cases"].append({"case": f"{what}: {name}", "values": values, "quartiles": q})
                if user == "named" and name == "login and LIST":
                    late = q[1] >= LIMIT_S
        server.end()
    finally:
        shutil.rmtree(work)
    print("\n" + "\n".join(text), flush=True)
    with open(f"{args.out}/services-pop3.txt", "w", encoding="utf-8") as f:
        f.write("\n".join(text) + "\n")
    with open(f"{args.out}/services-pop3.json", "w", encoding="utf-8") as f:
        json.dump(result, f, indent="\t")
        f.write("\n")
    print(f"\n{args.seeds} rounds, {time.monotonic() - started:.0f} s in all", flush=True)
    if late:
        sys.exit(f"pop3.py: the Maildir was not listed within {LIMIT_S} s")


if __name__ == "__main__":
    main()
