# SPDX-License-Identifier: GPL-2.0-or-later
"""
DNS messages as octets: making queries, right or wrong in any way, and taking responses
apart without mercy. A library would mend or refuse what the tests want to send and see.
"""
import socket
import struct

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, NAPTR, DNAME, OPT = 1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 39, 41
DS, RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM, SVCB, HTTPS, TSIG, IXFR, AXFR, ANY = (
    43, 46, 47, 48, 50, 51, 64, 65, 250, 251, 252, 255)
IN, CH, HS, NONE, ANY_CLASS = 1, 3, 4, 254, 255
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN = 0, 1, 2, 3, 4, 5, 6
NOTAUTH, BADVERS, BADCOOKIE = 9, 16, 23
QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x400, 0x200, 0x100, 0x80, 0x40, 0x20, 0x10
NSID, CLIENT_SUBNET, COOKIE, KEEPALIVE, PADDING = 3, 8, 10, 11, 12

TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "PTR": 12, "HINFO": 13, "MINFO": 14, "MX": 15, "TXT": 16,
    "RP": 17, "AFSDB": 18, "X25": 19, "ISDN": 20, "RT": 21, "PX": 26, "AAAA": 28, "LOC": 29, "SRV": 33, "NAPTR": 35,
    "KX": 36, "CERT": 37, "DNAME": 39, "OPT": 41, "APL": 42, "DS": 43, "SSHFP": 44, "IPSECKEY": 45, "RRSIG": 46,
    "NSEC": 47, "DNSKEY": 48, "DHCID": 49, "NSEC3": 50, "NSEC3PARAM": 51, "TLSA": 52, "SMIMEA": 53, "CDS": 59,
    "CDNSKEY": 60, "OPENPGPKEY": 61, "CSYNC": 62, "SVCB": 64, "HTTPS": 65, "SPF": 99, "NID": 104, "L32": 105,
    "L64": 106, "LP": 107, "EUI48": 108, "EUI64": 109, "TKEY": 249, "TSIG": 250, "IXFR": 251, "AXFR": 252,
    "MAILB": 253, "MAILA": 254, "ANY": 255, "URI": 256, "CAA": 257}
TYPE_NAMES = {number: word for word, number in TYPES.items()}

# Where names are in the rdata, and so may be compressed: types of RFC 1035 only (RFC 3597, 4).
# Each is a list of how many octets come before a name.
COMPRESSIBLE = {NS: (0,), 3: (0,), 4: (0,), CNAME: (0,), SOA: (0, 0), 7: (0,), 8: (0,), 9: (0,), PTR: (0,),
                14: (0, 0), MX: (2,)}


class Malformed(Exception):
    """A response that is not as RFC 1035 has it."""


def name(text):
    """Text with escapes to wire form, without a check of lengths."""
    labels, label, i = [], b"", 0
    while i < len(text):
        c = text[i]
        if c == "\\":
            if text[i + 1:i + 4].isdigit():
                label += bytes([int(text[i + 1:i + 4])])
                i += 4
            else:
                label += text[i + 1].encode("latin-1")
                i += 2
            continue
        if c == ".":
            labels.append(label)
            label = b""
        else:
            label += c.encode("latin-1")
        i += 1
    if label:
        labels.append(label)
    return b"".join(bytes([len(x)]) + x for x in labels if x) + b"\0"


def type_number(word):
    return TYPES[word] if word in TYPES else int(word.removeprefix("TYPE"))


def type_name(number):
    return TYPE_NAMES.get(number, f"TYPE{number}")


def text(wire):
    """Wire form to text, for people."""
    out, i = "", 0
    while wire[i]:
        for c in wire[i + 1:i + 1 + wire[i]]:
            ch = chr(c)
            out += ch if ch.isalnum() or ch in "-_*/" else f"\\{c:03d}"
        out += "."
        i += 1 + wire[i]
    return out or "."


def rr(owner, rtype, rclass=IN, ttl=0, rdata=b"", rdlength=None):
    return owner + struct.pack("!HHIH", rtype, rclass, ttl, len(rdata) if rdlength is None else rdlength) + rdata


def opt(size=1232, version=0, do=False, options=(), rcode=0, z=0, owner=b"\0", rdlength=None):
    rdata = b"".join(struct.pack("!HH", code, len(data)) + data for code, data in options)
    return rr(owner, OPT, size, rcode << 24 | version << 16 | do << 15 | z, rdata, rdlength)


def message(number=0, flags=0, questions=(), answers=(), authority=(), additional=(), counts=None, opcode=0):
    """A message of parts that are octets already; counts are theirs unless given."""
    parts = questions, answers, authority, additional
    counts = counts or [len(p) for p in parts]
    return struct.pack("!6H", number, flags | opcode << 11, *counts) + b"".join(b"".join(p) for p in parts)


def question(owner, qtype, qclass=IN):
    return owner + struct.pack("!HH", qtype, qclass)


class Reader:
    """Takes a message apart."""

    def __init__(self, data):
        self.data, self.at, self.pointers = data, 0, False

    def take(self, n):
        if self.at + n > len(self.data):
            raise Malformed(f"{n} octets at {self.at} of {len(self.data)}")
        self.at += n
        return self.data[self.at - n:self.at]

    def unpack(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def name(self):
        """A name, without compression. A pointer must lead backwards."""
        out, at, end, lowest = b"", self.at, None, self.at
        self.pointers = False
        while True:
            if at >= len(self.data):
                raise Malformed("a name beyond the end")
            n = self.data[at]
            if n >= 0xC0:
                if at + 2 > len(self.data):
                    raise Malformed("half a pointer")
                end = end or at + 2
                target = (n & 63) << 8 | self.data[at + 1]
                if target >= lowest:
                    raise Malformed(f"a pointer forward, to {target} at {at}")
                at = lowest = target
                self.pointers = True
                continue
            if n > 63:
                raise Malformed(f"label type {n:#x}")
            out += self.data[at:at + 1 + n]
            at += 1 + n
            if len(out) > 255:
                raise Malformed("a name of more than 255 octets")
            if not n:
                self.at = end or at
                return out

    def rdata(self, rtype, length):
        end = self.at + length
        if end > len(self.data):
            raise Malformed("rdata beyond the end")
        out = b""
        if length:
            for before in COMPRESSIBLE.get(rtype, ()):
                out += self.take(before) + self.name()
        if self.at > end:
            raise Malformed(f"rdata of type {rtype} longer than its length")
        return out + self.take(end - self.at)


class Response:
    """A response: header fields, question, three sections of (owner, type, class, ttl, rdata), EDNS."""

    def __init__(self, data):
        self.size = len(data)
        r = Reader(data)
        (self.id, flags, questions, *counts) = r.unpack("!6H")
        self.flags, self.opcode = flags & 0x87F0, flags >> 11 & 15
        self.rcode = flags & 15
        self.question = [(r.name(), *r.unpack("!HH")) for _ in range(questions)]
        self.sections, self.edns = [], None
        for i, count in enumerate(counts):
            section = []
            for _ in range(count):
                owner = r.name()
                rtype, rclass, ttl, length = r.unpack("!HHIH")
                rdata = r.rdata(rtype, length)
                if rtype == OPT:
                    if i != 2 or self.edns or owner != b"\0":
                        raise Malformed("OPT where none may be")
                    self.edns = self._options(rclass, ttl, rdata)
                    self.rcode |= ttl >> 24 << 4
                else:
                    section.append((owner, rtype, rclass, ttl, rdata))
            self.sections.append(section)
        if r.at != len(data):
            raise Malformed(f"{len(data) - r.at} octets behind the message")
        self.answer, self.authority, self.additional = self.sections

    @staticmethod
    def _options(size, ttl, rdata):
        r, options = Reader(rdata), []
        while r.at < len(rdata):
            code, length = r.unpack("!HH")
            options.append((code, r.take(length)))
        return {"size": size, "version": ttl >> 16 & 255, "do": ttl >> 15 & 1, "z": ttl & 0x7FFF, "options": options}

    def flag(self, bit):
        return bool(self.flags & bit)


def udp(address, port, data, timeout=2.0):
    """Send a datagram: what comes back, or None after the time."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.connect((address, port))
        s.send(data)
        try:
            return s.recv(65535)
        except (socket.timeout, ConnectionRefusedError):
            return None


def receive(s, n):
    """n octets of a stream, or None at its end."""
    data = b""
    while len(data) < n:
        try:
            piece = s.recv(n - len(data))
        except ConnectionError:
            return None
        if not piece:
            return None
        data += piece
    return data


def receive_message(s):
    """A message of a stream (RFC 1035, 4.2.2), or None at its end."""
    head = receive(s, 2)
    return receive(s, struct.unpack("!H", head)[0]) if head else None


def framed(data):
    return struct.pack("!H", len(data)) + data


def tcp(address, port, data, timeout=5.0):
    """As udp(), over a connection of its own; None also when it is closed without an answer."""
    with socket.create_connection((address, port), timeout) as s:
        s.sendall(framed(data))
        try:
            return receive_message(s)
        except socket.timeout:
            return None


def transfer(address, port, apex, timeout=20.0):
    """All records of a zone by AXFR (RFC 5936), without the SOA that ends it, and in how many messages."""
    query = message(1, 0, [question(apex, AXFR)])
    records, count = [], 0
    with socket.create_connection((address, port), timeout) as s:
        s.sendall(framed(query))
        while len(records) < 2 or records[-1][1] != SOA:
            data = receive_message(s)
            if data is None:
                raise Malformed(f"the stream ends after {len(records)} records")
            r = Response(data)
            if r.rcode or not r.answer:
                raise Malformed(f"rcode {r.rcode}, {len(r.answer)} records")
            records += r.answer
            count += 1
    if records[0] != records[-1]:
        raise Malformed("the last SOA is not the first")
    return records[:-1], count
