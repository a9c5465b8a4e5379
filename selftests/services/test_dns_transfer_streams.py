#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A zone from one linnet-dnsd to another, with TSIG, by each of the streams."""
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
from harness import IPPROTO_LINNET, equal, main, need, temporary_folder, test
from linnet import Dnsd
from servers import Peer, Zone
from transfers import KEYS, LOCAL, ZONE, arrived, content, update, write


def chain(folder, transport, tls=False):
    """A zone from one linnet-dnsd to another."""
    file = write(f"{folder}/example.test.zone", ZONE)
    first = Zone("example.test", file=file, transfer=[Peer("127.0.0.1", key="transfer.key")], update=[LOCAL])
    with Dnsd(f"{folder}/first", [first], keys=KEYS, tls=tls, log_level="debug") as one:
        port = one.tls_port if tls else one.port
        second = Zone("example.test", transfer=[LOCAL], file="?")
        second.file = None
        second.more = f'max-refresh = "1s"\nmin-refresh = "1s"\nprimaries = {{"127.0.0.1:{port} key transfer.key transport {transport}"}}'
        with Dnsd(f"{folder}/second", [second], keys=KEYS, log_level="debug") as two:
            arrived(two, "example.test", 1)
            equal(content(two, "example.test"), content(one, "example.test", "transfer.key"), "the zone")
            # Nobody tells it: it asks in time.
            equal(update(one, "example.test", ("add", "new", 60, "A", "192.0.2.1")), 0)
            arrived(two, "example.test", 2)
            equal(content(two, "example.test"), content(one, "example.test", "transfer.key"), "the change")
            if not two.has(rf"serial 1 from .* \(AXFR, {transport}\)"):
                raise AssertionError(f"not by {transport}")


@test("a zone comes over TCP")
def _():
    with temporary_folder() as folder:
        chain(folder, "tcp")


@test("a zone comes over TLS")
def _():
    with temporary_folder() as folder:
        chain(folder, "tls", True)


@test("a zone comes over protocol 253")
def _():
    need(IPPROTO_LINNET)
    with temporary_folder() as folder:
        chain(folder, "linnet")


main()
