#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The zones of zones/ made ready for servers, and 2,000 queries about all that is in them.

	generate.py FOLDER      writes the zones and, as text, the queries into a folder

The queries come from a seed and from the names of the zones alone: they are the same each time.
"""
import os
import random
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import wire
from harness import Skip

ZONES = os.path.join(HERE, "zones")
COUNT, SEED = 2000, 253
# Zone, its file, the options of dnssec-signzone and the algorithm of its keys
PLAIN = {"features.example": "features.zone", "child.features.example": "child.zone", "other.example": "other.zone",
         "2.0.192.in-addr.arpa": "reverse.zone", "8.b.d.0.1.0.0.2.ip6.arpa": "reverse6.zone"}
SIGNED = {"nsec.example": ((), "ECDSAP256SHA256"),
          "nsec3.example": (("-3", "0123abcd", "-H", "5"), "RSASHA256"),
          "optout.example": (("-3", "-", "-H", "0", "-A"), "ED25519")}


def run(command, **kw):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              timeout=120, **kw)
    except FileNotFoundError:
        raise Skip(f"{command[0]} is not installed") from None
    if done.returncode:
        raise AssertionError(f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def flatten(name, source, target):
    """
    One record a line, all names whole: $GENERATE, $INCLUDE, $TTL done by BIND. NSD and Knot do
    not know $GENERATE; linnet-dnsd gets the source, and so has to come to the same as BIND.
    """
    run(["named-compilezone", "-q", "-k", "ignore", "-n", "ignore", "-m", "ignore", "-i", "none", "-M", "ignore",
         "-S", "ignore", "-T", "ignore", "-W", "ignore", "-w", ZONES, "-o", target, name, source])


def sign(name, folder):
    """Sign folder/NAME in place. Keys differ each time, lengths and hashes do not."""
    options, algorithm = SIGNED[name]
    keys = os.path.join(folder, f"keys-{name}")
    os.makedirs(keys, exist_ok=True)
    bits = ["-b", "2048"] if algorithm.startswith("RSA") else []
    for flags in ([], ["-f", "KSK"]):
        run(["dnssec-keygen", "-q", "-a", algorithm, *bits, *flags, "-K", keys, name])
    path = os.path.join(folder, name)
    run(["dnssec-signzone", "-q", "-S", "-K", keys, "-o", name, "-O", "full", "-s", "20260101000000",
         "-e", "20360101000000", "-f", path + ".signed", *options, path], cwd=folder)
    os.replace(path + ".signed", path)


def prepare(folder):
    """Zones in a folder: {name: (file for others, file for linnet-dnsd)}."""
    os.makedirs(folder, exist_ok=True)
    out = {}
    for name, source in PLAIN.items():
        flatten(name, source, os.path.join(folder, name))
        out[name] = os.path.join(folder, name), os.path.join(ZONES, source)
    for name in SIGNED:
        flatten(name, "signed.zone", os.path.join(folder, name))
        sign(name, folder)
        out[name] = os.path.join(folder, name), os.path.join(folder, name)
    return out


def owners(path):
    """(name in wire form, type) of the records of a flat zone, once each, sorted: the signer writes them in any order."""
    seen = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            m = re.match(r"(\S+)\s+\d+\s+IN\s+(\S+)", line)
            if m and m[2] not in ("RRSIG", "NSEC", "NSEC3"):
                seen[wire.name(m[1]), wire.type_number(m[2])] = None
    return sorted(seen)


def recase(name, r):
    """The same name with letters of random case."""
    out, i = b"", 0
    while name[i]:
        n = name[i] + 1
        out += name[i:i + 1] + bytes(c ^ 32 if chr(c).isalpha() and c < 128 and r.random() < 0.5 else c
                                     for c in name[i + 1:i + n])
        i += n
    return out + b"\0"


class Query:
    """What is asked, and how it is sent."""

    def __init__(self, number, name, qtype, qclass=wire.IN, flags=0, opcode=0, edns=None, tcp=False):
        self.number, self.name, self.qtype, self.qclass = number, name, qtype, qclass
        self.flags, self.opcode, self.edns, self.tcp = flags, opcode, edns, tcp

    def octets(self):
        return wire.message(self.number, self.flags, [wire.question(self.name, self.qtype, self.qclass)],
                            additional=[wire.opt(**self.edns)] if self.edns else (), opcode=self.opcode)

    def recased(self, r):
        """The same query with another case of letters."""
        return Query(self.number, recase(self.name, r), self.qtype, self.qclass, self.flags, self.opcode, self.edns, self.tcp)

    def __str__(self):
        words = [f"#{self.number}", wire.text(self.name), wire.type_name(self.qtype)]
        words += [f"class {self.qclass}"] if self.qclass != wire.IN else []
        words += [f"opcode {self.opcode}"] if self.opcode else []
        words += [word for word in ("AA", "TC", "RD", "RA", "Z", "AD", "CD") if self.flags & getattr(wire, word)]
        words += ["EDNS " + " ".join(f"{k}={v}" for k, v in self.edns.items() if v)] if self.edns else []
        return " ".join(words + ["TCP"] * self.tcp)


COMMON = [wire.A, wire.AAAA, wire.NS, wire.SOA, wire.TXT, wire.MX, wire.CNAME, wire.DS, wire.ANY, wire.SRV, wire.DNAME]
RARE = [wire.RRSIG, wire.NSEC, wire.NSEC3, wire.DNSKEY, wire.NSEC3PARAM, wire.HTTPS, wire.PTR, 10, 99, 731, 65280,
        65535, 0, wire.OPT, wire.TSIG, 249, 253, 254]


def edns(r):
    """Half of the queries without EDNS or with that of a resolver, the rest any."""
    x = r.random()
    if x < 0.25:
        return None
    out = {"size": 1232, "do": x < 0.6}
    if x > 0.75:
        out["size"] = r.choice([0, 256, 511, 512, 513, 600, 1000, 1220, 1231, 1400, 4096, 65535])
        out["do"] = r.random() < 0.5
    if x > 0.9:
        out["options"] = r.choice([
            [(65001, b"unknown")], [(65001, b""), (65002, b"x" * 40)],
            [(wire.CLIENT_SUBNET, b"\0\1\x18\0\xc0\0\2")], [(wire.PADDING, bytes(20))]])
    if x > 0.98:
        out["version"] = r.choice([1, 2, 255])
    if 0.97 < x <= 0.98:
        out["z"] = r.choice([1, 0x4000])
    return out


def derived(name, r):
    """A name near one that is there."""
    x = r.random()
    parents = name[1 + name[0]:] if name[0] else name
    if x < 0.3:
        out = wire.name(r.choice(["x", "nothing", "www", "*", "a.b", "zz", "0"]))[:-1] + name
    elif x < 0.5:
        out = wire.name(r.choice(["x", "nothing", "www", "*", "~", "-"]))[:-1] + parents
    elif x < 0.6:
        out = parents
    else:
        out = name
    return out if len(out) <= 255 else name


def queries(zones):
    """COUNT queries: every name and type once, then others, drawn."""
    r = random.Random(SEED)
    sets = {zone: owners(paths[0]) for zone, paths in zones.items()}
    every = [pair for pairs in sets.values() for pair in pairs]
    out = []

    def add(name, qtype, **kw):
        out.append(Query(len(out), name, qtype, **kw))

    def drawn(name, qtype):
        add(recase(name, r) if r.random() < 0.3 else name, qtype, edns=edns(r), tcp=r.random() < 0.15,
            flags=r.choice([0, 0, 0, wire.RD, wire.CD, wire.AD, wire.RD | wire.AD, wire.Z, wire.AA, wire.RA]))
    for name, qtype in every:
        drawn(name, qtype)
    for name in (".", "com.", "example.", "elsewhere.example.", "www.elsewhere.example.", "arpa.",
                 "3.0.192.in-addr.arpa.", "xfeatures.example.", "features.example.com."):
        for qtype in (wire.A, wire.NS, wire.DS):
            drawn(wire.name(name), qtype)
    apex = wire.name("features.example.")
    for qclass in (0, wire.CH, wire.HS, 2, wire.NONE, wire.ANY_CLASS, 65535):
        for qtype in (wire.A, wire.SOA, wire.ANY):
            add(apex, qtype, qclass=qclass, edns=edns(r))
    for opcode in (1, 2, 3, 6, 7, 15):
        add(apex, wire.SOA, opcode=opcode)
        add(apex, wire.SOA, opcode=opcode, edns={"size": 1232})
    for name in wire.name("www.features.example."), wire.name("big.nsec.example."):
        for size in (0, 100, 511, 512, 513, 1232, 1233, 4096, 65535):
            for do in (False, True):
                add(name, wire.A, edns={"size": size, "do": do})
    while len(out) < COUNT:
        name, qtype = r.choice(sets[r.choice(list(sets))])
        x = r.random()
        drawn(derived(name, r), qtype if x < 0.2 else r.choice(COMMON) if x < 0.85 else r.choice(RARE))
    assert len(out) == COUNT, len(out)
    return out


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(os.path.join(sys.argv[1], "queries"), "w", encoding="utf-8") as file:
        file.writelines(f"{q}\n" for q in queries(prepare(sys.argv[1])))
