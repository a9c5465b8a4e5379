#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
smtp.py [OPTION...]: messages that linnet-smtpd takes in a second beside Debian's Postfix, by Postfix's smtp-source on
loopback: into mailboxes, and into the queue with smtp-sink as the next hop. services.py calls it.

A message counts when its 250 was seen, which both give when it is on the disk. In each round a case is measured for
one server and at once for the other, which of them first changing from round to round; a first round is thrown away.
"""
import argparse
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
# The modules of ../mail are meant, not those beside this file.
sys.path[:1] = [os.path.join(HERE, "../mail"), os.path.join(HERE, "../../userspace"), HERE]
# pylint: disable=wrong-import-position
import peers
from figures import Table
from harness import Skip, until
from linnet import Smtpd, route

# Messages for each second that is asked for; more than are under way at once
MESSAGES = 1000
PATIENCE = 120
HERE_DOMAIN, NEXT_DOMAIN = "here.test", "next.test"


def arguments():
    p = argparse.ArgumentParser(description="linnet-smtpd beside Postfix, in figures.")
    p.add_argument("--programs", required=True, help="folder of our programs")
    p.add_argument("--out", default=".", help="folder for the figures")
    p.add_argument("--seeds", type=int, default=5, help="rounds")
    p.add_argument("--seconds", type=int, default=1, help="of each measurement, about")
    p.add_argument("--only", default="", help="only cases with this in their name")
    return p.parse_args()


def on_processor(n):
    """Whatever is started from now on."""
    processors = sorted(os.sched_getaffinity(os.getppid()))
    os.sched_setaffinity(0, {processors[n % len(processors)]})


class Side:
    """One of the two servers: its port, its mailbox, and when it has nothing to do."""

    def __init__(self, server, port, box, queue):
        self.server, self.port, self.box, self.queue = server, port, box, queue

    def delivered(self):
        try:
            return len(os.listdir(os.path.join(self.box, "new")))
        except FileNotFoundError:
            return 0

    def clear(self):
        """Nothing in the queue, and nothing in the mailbox."""
        until(lambda: not self.queue(), "the queue to be empty", PATIENCE)
        for name in os.listdir(os.path.join(self.box, "new")) if os.path.isdir(os.path.join(self.box, "new")) else ():
            os.unlink(os.path.join(self.box, "new", name))


def once(side, sink, case, count):
    """Messages per second, and microseconds of processor that the server took for one, its delivery included."""
    sessions, size, here, keep = case[1:]
    before, taken = side.server.processor_time(), len(sink.messages())
    start = time.monotonic()
    peers.source(*(["-d"] if keep else []), "-s", str(sessions), "-m", str(count), "-l", str(size), "-f", "x@sender.test", "-t",
                 f"user@{HERE_DOMAIN if here else NEXT_DOMAIN}", f"127.0.0.1:{side.port}", timeout=PATIENCE)
    seconds = time.monotonic() - start
    # Fast is only who has them all
    if here:
        until(lambda: side.delivered() >= count, f"{count} messages in the mailbox", PATIENCE)
    else:
        until(lambda: len(sink.messages()) - taken >= count, f"{count} messages at the next hop", PATIENCE)
    until(lambda: not side.queue(), "the queue to be empty", PATIENCE)
    cost = (side.server.processor_time() - before) / 1000 / count
    got = side.delivered() if here else len(sink.messages()) - taken
    if got != count:
        sys.exit(f"smtp.py: {got} messages of {count} came")
    side.clear()
    for path in sink.messages():
        os.unlink(path)
    return count / seconds, cost


CASES = [
    # name, sessions, octets, into a mailbox here, several messages a connection
    ("mailbox, 20 sessions, 1 kB", 20, 1000, True, True),
    ("mailbox, 20 sessions, a connection each", 20, 1000, True, False),
    ("mailbox, 20 sessions, 100 kB", 20, 100000, True, True),
    ("mailbox, 1 session, 1 kB", 1, 1000, True, True),
    ("queue, 20 sessions, 1 kB", 20, 1000, False, True),
    ("queue, 20 sessions, a connection each", 20, 1000, False, False),
    ("queue, 1 session, 1 kB", 1, 1000, False, True),
]


def measure(args, work):
    cases = [c for c in CASES if args.only in f"smtp Postfix {c[0]}"]
    if not cases:
        return
    on_processor(1)
    with peers.Sink(work) as sink:
        on_processor(0)
        # Postfix would hold back clients when they are faster than its own deliveries
        with peers.Postfix(f"{work}/postfix", local={HERE_DOMAIN: ["user"]}, routes={NEXT_DOMAIN: sink.port},
                           more="in_flow_delay = 0") as theirs, \
                Smtpd(f"{work}/smtpd", hostname="ours.test", domains=(HERE_DOMAIN,), users={"user": "x"}, tls=False, workers=1,
                      networks=("127.0.0.0/8",), relay=route(NEXT_DOMAIN, sink.port), log_level="notice",
                      more=f'message-log = "{work}/messages"') as ours:
            on_processor(1)
            sides = [Side(theirs, theirs.port, theirs.maildir("user", HERE_DOMAIN), theirs.queue),
                     Side(ours, ours.ports["smtp"], ours.box("user"), ours.queue)]
            table = Table(args.out, "services-smtp", "messages taken by linnet-smtpd and Debian's Postfix", "Postfix", [
                "messages per second that were answered by 250 when they were on the disk, median and quartiles;"
                " microseconds of the server's processor for each, with its delivery",
                "all processes of a server on one processor, smtp-source and smtp-sink on the other; one worker of ours"])
            for case in cases:
                figures = [[], []]
                count = MESSAGES * args.seconds // (1 if case[1] > 1 and case[2] < 10000 else 5)
                for i in range(args.seeds + 1):
                    for k in range(2) if i % 2 else (1, 0):
                        figure = once(sides[k], sink, case, count)
                        if i:
                            figures[k].append(figure)
                table.add(case[0], "Postfix", *figures)
            table.close()


def main():
    args = arguments()
    os.environ["LINNET_BIN"] = os.path.abspath(args.programs)
    args.out = os.path.abspath(args.out)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="linnet-bench-") as work:
        os.chmod(work, 0o755)
        try:
            measure(args, work)
        except Skip as why:
            print(f"\nsmtp.py: not measured: {why}", flush=True)
            return
    print(f"\n{args.seeds} rounds, {time.monotonic() - started:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
