# SPDX-License-Identifier: GPL-2.0-or-later
"""
The same queries to two servers, their answers field by field.

A difference is a pair (field, detail) of a query. Each must be explained by an entry of a
table of the differences known between two servers, and each entry must explain something:
a difference that has gone is an entry to delete.
"""
import collections
import socket

import wire

FIELDS = ("silent", "malformed", "rcode", "opcode", "AA", "TC", "RD", "RA", "Z", "AD", "CD", "question",
          "answer", "authority", "additional", "order", "case", "EDNS", "EDNS version", "EDNS size", "EDNS DO", "EDNS Z",
          "EDNS options")


class Asker:
    """Asks one server: datagrams from one socket, each stream query on a connection of its own."""

    def __init__(self, address, port, timeout=1.0):
        self.address, self.port, self.timeout = address, port, timeout
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(timeout)
        self.socket.connect((address, port))

    def ask(self, query):
        """The response as octets, or None for silence."""
        data = query.octets()
        if query.tcp:
            return wire.tcp(self.address, self.port, data, self.timeout)
        self.socket.send(data)
        while True:
            try:
                answer = self.socket.recv(65535)
            except socket.timeout:
                return None
            if answer[:2] == data[:2]:
                return answer

    def close(self):
        self.socket.close()


def parsed(data):
    """A Response, None, or the text of what is wrong."""
    if data is None:
        return None
    try:
        return wire.Response(data)
    except wire.Malformed as e:
        return f"{e}: {data.hex()}"


def lower(rtype, rdata):
    """Names that may be compressed in lower case: those a server points to have the case of the query."""
    out, r = b"", wire.Reader(rdata)
    for before in wire.COMPRESSIBLE.get(rtype, ()) if rdata else ():
        out += r.take(before) + r.name().lower()
    return out + rdata[r.at:]


def folded(section):
    """A section as a set, without regard to case (RFC 4343)."""
    return collections.Counter((owner.lower(), rtype, rclass, ttl, lower(rtype, rdata))
                               for owner, rtype, rclass, ttl, rdata in section)


def told(records):
    return sorted(f"{wire.text(owner)} {ttl} {'' if rclass == 1 else f'class {rclass} '}{wire.type_name(rtype)} "
                  f"{rdata[:24].hex()}" for owner, rtype, rclass, ttl, rdata in records)


def differences(query, a, b):
    """{field: (a's, b's)} of two answers from parsed()."""
    if a is None or b is None:
        return {} if a is b else {"silent": (a is None, b is None)}
    if isinstance(a, str) or isinstance(b, str):
        return {"malformed": (a if isinstance(a, str) else "", b if isinstance(b, str) else "")}
    out = {}

    def check(field, x, y):
        if x != y:
            out[field] = x, y
    check("rcode", a.rcode, b.rcode)
    check("opcode", a.opcode, b.opcode)
    for flag in ("AA", "TC", "RD", "RA", "Z", "AD", "CD"):
        check(flag, a.flag(getattr(wire, flag)), b.flag(getattr(wire, flag)))
    check("question", a.question, b.question)
    for section in ("answer", "authority", "additional"):
        x, y = folded(getattr(a, section)), folded(getattr(b, section))
        if x != y:
            out[section] = told(x - y), told(y - x)
    # A CNAME or DNAME comes before what it leads to (RFC 1034, 4.3.2; RFC 6672, 3.2).
    check("order", chain(a), chain(b))
    # The case of a name in the question is that of the query (RFC 1034, 3.1 with RFC 4343, 3).
    check("case", a.question and a.question[0][0] == query.name, b.question and b.question[0][0] == query.name)
    check("EDNS", bool(a.edns), bool(b.edns))
    if a.edns and b.edns:
        for field in ("version", "size", "do", "z"):
            check("EDNS " + (field.upper() if len(field) < 3 else field), a.edns[field], b.edns[field])
        check("EDNS options", sorted(a.edns["options"]), sorted(b.edns["options"]))
    return out


def chain(response):
    """The order of the names in the answer's chain of aliases."""
    return [(owner.lower(), rtype) for owner, rtype, *_ in response.answer
            if rtype in (wire.CNAME, wire.DNAME)] if any(
                rtype in (wire.CNAME, wire.DNAME) for _, rtype, *_ in response.answer) else []


class Known:
    """
    A difference that is known: the fields it explains, why, and by what text both may.
    when(query, a, b, field) says for which answers; a and b are Responses or None.
    """

    def __init__(self, fields, when, why, section):
        self.fields, self.when, self.why, self.section = set(fields.split(", ")), when, why, section
        unknown = self.fields - set(FIELDS)
        assert not unknown, unknown


class Comparison:
    """All queries to both servers; then what was unexplained, and what is explained in vain."""

    def __init__(self, names, known):
        self.names, self.known, self.counts = names, known, collections.Counter()
        self.unexplained, self.alike, self.asked, self.fields = [], 0, 0, collections.Counter()

    def one(self, query, data_a, data_b):
        a, b = parsed(data_a), parsed(data_b)
        self.asked += 1
        found = differences(query, a, b)
        if not found:
            self.alike += 1
        for field, values in found.items():
            self.fields[field] += 1
            hits = [k for k in self.known
                    if field in k.fields and not isinstance(a, str) and not isinstance(b, str) and k.when(query, a, b, field)]
            # The first that fits explains it, so that none hides behind another.
            if hits:
                self.counts[hits[0]] += 1
            else:
                self.unexplained.append((query, field, values))

    def vain(self):
        return [k.why for k in self.known if not self.counts[k]]

    def report(self, limit=40):
        """Lines for people."""
        first, second = self.names
        yield f"{first} and {second}: {self.asked} queries, {self.alike} answers alike in every field"
        for k in self.known:
            yield f"  {self.counts[k]:5} explained: {k.why} ({k.section})"
        for query, field, (x, y) in self.unexplained[:limit]:
            yield f"  UNEXPLAINED {query}: {field}: {first} {x!r}, {second} {y!r}"
        if len(self.unexplained) > limit:
            yield f"  and {len(self.unexplained) - limit} more"
