#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same 2,000 queries to linnet-dnsd, NSD and Knot, which have the same zones: the answers
field by field. Each difference is explained here, or the test fails; and an explanation of
what does not differ any more fails too."""
import contextlib
import os
import random
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
import generate
import wire
from compare import Asker, Comparison, Known, differences, folded, parsed, told
from harness import equal, main, temporary_folder, test
from known import KNOT_LINNET, NSD_KNOT, NSD_LINNET
from linnet import Dnsd
from servers import Peer, Zone, knot, nsd

SHOWN = int(os.environ.get("COMPARE_SHOWN", "20"))


class Together:
    """The three servers, started once for all tests, and what they answered."""

    def __init__(self):
        self.stack, self.answers, self.queries, self.folder = contextlib.ExitStack(), {}, None, None
        self.zones, self.transfers = None, {}

    def _prepare(self):
        self.folder = self.folder or self.stack.enter_context(temporary_folder())
        if not self.queries:
            self.zones = generate.prepare(os.path.join(self.folder, "zones"))
            self.queries = generate.queries(self.zones)

    def start(self, name, sub=None):
        allow = [Peer("127.0.0.1")]
        flat = [Zone(zone, file=paths[0], transfer=allow) for zone, paths in self.zones.items()]
        folder = os.path.join(self.folder, sub or name)
        if name == "NSD":
            # As Knot and linnet-dnsd do always; else each answer has the zone's NS rrset.
            return nsd(folder, flat, more="minimal-responses: yes")
        if name == "Knot":
            return knot(folder, flat)
        return Dnsd(folder, [Zone(zone, file=paths[1], transfer=allow) for zone, paths in self.zones.items()])

    def all_answers(self, name):
        """The answers of a server to all queries."""
        self._prepare()
        if name not in self.answers:
            with self.start(name) as server:
                asker = Asker("127.0.0.1", server.port)
                self.answers[name] = [asker.ask(query) for query in self.queries]
                asker.close()
                self.transfers[name] = {zone: wire.transfer("127.0.0.1", server.port, wire.name(zone)) for zone in self.zones}
        return self.answers[name]

    def all_transfers(self, name):
        """What a server has, zone by zone: (records, messages)."""
        self.all_answers(name)
        return self.transfers[name]

    def compare(self, first, second, known):
        a, b = self.all_answers(first), self.all_answers(second)
        comparison = Comparison((first, second), known)
        for query, x, y in zip(self.queries, a, b):
            comparison.one(query, x, y)
        for line in comparison.report(SHOWN):
            print("#", line)
        equal(comparison.asked, generate.COUNT, "queries")
        equal(len(comparison.unexplained), 0, "differences without an explanation")
        equal(comparison.vain(), [], "explanations of what does not differ")


TOGETHER = Together()


@test("the queries cover what they should")
def _():
    with temporary_folder() as folder:
        queries = generate.queries(generate.prepare(folder))
        equal(len(queries), generate.COUNT, "queries")
        equal([str(q) for q in queries], [str(q) for q in generate.queries(generate.prepare(folder + "/again"))],
              "drawn again, from zones signed again")
    for what, some in (
            ("TCP", lambda q: q.tcp), ("no EDNS", lambda q: not q.edns), ("DO", lambda q: q.edns and q.edns.get("do")),
            ("EDNS version", lambda q: q.edns and q.edns.get("version")),
            ("unknown options", lambda q: q.edns and q.edns.get("options")),
            ("small buffer", lambda q: q.edns and q.edns["size"] < 512),
            ("other case", lambda q: q.name != q.name.lower()), ("ANY", lambda q: q.qtype == wire.ANY),
            ("CD", lambda q: q.flags & wire.CD), ("other class", lambda q: q.qclass != wire.IN)):
        equal(len([q for q in queries if some(q)]) >= 20, True, what)


@test("each field in which two answers differ is seen")
def _():
    name, other = wire.name("www.example."), wire.name("WWW.example.")
    query = generate.Query(7, name, wire.A, edns={"size": 1232})
    address = wire.rr(name, wire.A, ttl=300, rdata=b"\1\2\3\4")
    alias = [wire.rr(name, wire.CNAME, rdata=wire.name("a.")), wire.rr(wire.name("a."), wire.CNAME, rdata=wire.name("b."))]

    def answer(flags=wire.QR | wire.AA, questions=None, answers=(address,), authority=(), additional=(), **edns):
        edns = {"size": 1232, **edns}
        opt = [wire.opt(**edns)] if edns["size"] else []
        return wire.message(7, flags, questions or [wire.question(name, wire.A)], answers, authority, [*additional, *opt])

    def fields(x, y):
        return sorted(differences(query, parsed(x), parsed(y)))
    equal(fields(answer(), answer()), [], "nothing")
    equal(fields(answer(), answer(answers=[wire.rr(other, wire.A, ttl=300, rdata=b"\1\2\3\4")])), [], "case of an owner")
    equal(fields(None, None), [], "silence of both")
    for field, y in (
            ("silent", None), ("malformed", answer()[:-1]), ("malformed", answer() + b"\0"), ("rcode", answer(flags=0x8403)),
            ("rcode", answer(rcode=1)), ("opcode", answer(flags=0x9400)), ("AA", answer(flags=0x8000)),
            *((flag, answer(flags=0x8400 | getattr(wire, flag))) for flag in ("TC", "RD", "RA", "Z", "AD", "CD")),
            ("question", answer(questions=[wire.question(name, wire.AAAA)])),
            ("answer", answer(answers=())), ("answer", answer(answers=[address, address])),
            ("answer", answer(answers=[wire.rr(name, wire.A, ttl=301, rdata=b"\1\2\3\4")])),
            ("answer", answer(answers=[wire.rr(name, wire.A, ttl=300, rdata=b"\1\2\3\5")])),
            ("authority", answer(authority=[address])), ("additional", answer(additional=[address])),
            ("EDNS", answer(size=0)), ("EDNS version", answer(version=1)), ("EDNS size", answer(size=1231)),
            ("EDNS DO", answer(do=True)), ("EDNS Z", answer(z=1)), ("EDNS options", answer(options=[(3, b"x")]))):
        equal(fields(answer(), y), [field], field)
    equal(fields(answer(answers=alias), answer(answers=alias[::-1])), ["order"], "order")
    equal(fields(answer(), answer(questions=[wire.question(other, wire.A)])), ["case", "question"], "case")
    # And a comparison fails on the unexplained, and on what is explained in vain.
    known = [Known("TC", lambda q, a, b, f: True, "why", "RFC"), Known("RA", lambda q, a, b, f: True, "in vain", "RFC")]
    comparison = Comparison(("x", "y"), known)
    comparison.one(query, answer(), answer(flags=0x8610))
    equal(([u[1] for u in comparison.unexplained], comparison.vain()), (["CD"], ["in vain"]), "unexplained, in vain")


@test("NSD and Knot: where two others differ")
def _():
    TOGETHER.compare("NSD", "Knot", NSD_KNOT)


@test("NSD and linnet-dnsd")
def _():
    TOGETHER.compare("NSD", "linnet-dnsd", NSD_LINNET)


@test("Knot and linnet-dnsd")
def _():
    TOGETHER.compare("Knot", "linnet-dnsd", KNOT_LINNET)


@test("linnet-dnsd says the same again, in another order and with names in another case")
def _():
    first = TOGETHER.all_answers("linnet-dnsd")
    r = random.Random(generate.SEED)
    order = list(range(len(first)))
    r.shuffle(order)
    with TOGETHER.start("linnet-dnsd", "again") as server:
        asker = Asker("127.0.0.1", server.port)
        for again in range(3):
            for i in order:
                query = TOGETHER.queries[i].recased(r)
                found = differences(query, parsed(first[i]), parsed(asker.ask(query)))
                # The first answer has the case of the first query.
                equal(set(found) - {"question", "case"}, set(), f"{query}, time {again + 2}: {found}")
                equal(found.get("case", (0, True))[1], True, f"{query}: case of the question")
        asker.close()


@test("linnet-dnsd has what others have: each zone by AXFR, $GENERATE and $INCLUDE read as BIND reads them")
def _():
    ours, theirs = TOGETHER.all_transfers("linnet-dnsd"), TOGETHER.all_transfers("Knot")
    for zone in TOGETHER.zones:
        x, y = folded(theirs[zone][0]), folded(ours[zone][0])
        print(f"# {zone}: {sum(y.values())} records in {ours[zone][1]} messages")
        equal((told(x - y)[:10], told(y - x)[:10]), ([], []), f"{zone}: what Knot alone has, what linnet-dnsd alone has")


if __name__ == "__main__":
    with TOGETHER.stack:
        main()
