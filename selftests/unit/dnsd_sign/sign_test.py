#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Signing by linnet-dnsd: every signature and the whole chain, judged by dnspython, by ldns, by
BIND's tools and by a model of our own, after changes by chance and over years of key
roll-over.
"""
import base64
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
from harness import Skip, equal, main, temporary_folder, test

try:
    import dns.dnssec
    import dns.name
    import dns.rdatatype as T
    import dns.zone
except ImportError:
    # Debian's packages are for Debian's Python.
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    dns = None

HOUR, DAY = 3600, 86400
MADE = ("DNSKEY", "CDS", "CDNSKEY", "NSEC3PARAM", "NSEC", "NSEC3", "RRSIG")

ZONE = """\
$ORIGIN example.org.
$TTL 1h
@               IN SOA  ns1 Host.Master 100 7200 900 1209600 600
                IN NS   ns1
                IN NS   NS2.example.net.
                IN MX   10 Mail
                IN TXT  "the apex" "second string"
ns1             IN A    192.0.2.1
mail            IN A    192.0.2.2
                IN AAAA 2001:db8::2
*.wild          IN TXT  "any"
                IN MX   5 MAIL
a.b.c.deep      IN A    192.0.2.3
alias           IN CNAME Www
www             300 IN A 192.0.2.4
                300 IN A 192.0.2.5
d               IN DNAME other.example.
secure          IN NS   ns.secure
                IN DS   12345 13 2 0102030405060708091011121314151617181920212223242526272829303132
ns.secure       IN A    192.0.2.6
insecure        IN NS   ns.insecure
                IN NS   ns1
ns.insecure     IN A    192.0.2.7
insecure.only   IN NS   ns1
_sip._tcp       IN SRV  1 2 5060 Mail
naptr           IN NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:a@example.org!" Target.example.
unknown         IN TYPE65280 \\# 4 0A000001
\\000\\001odd   IN TXT  "octets 0 and 1"
quote\\.dot     IN TXT  "a dot in a label"
UPPER           IN A    192.0.2.8
"""


def driver():
    for folder in (HERE, os.environ.get("OUTPUT", ""),
                   os.path.join(HERE, "../../../build/selftests/unit/dnsd_sign")):
        path = os.path.join(folder, "sign_driver")
        if os.access(path, os.X_OK):
            return path
    raise Skip("sign_driver is not built: make -C selftests/unit/dnsd_sign")


class Signer:
    """A zone that is signed, at a time of our choice."""

    def __init__(self, folder, policy="", zone=ZONE, now=None, origin="example.org."):
        if dns is None:
            raise Skip("python3-dnspython is not installed")
        self.folder, self.zone_text, self.origin = folder, zone, origin
        self.now = now or int(time.time())
        os.makedirs(folder, exist_ok=True)
        self.write("policy", policy)
        self.start()
        if zone:
            self.load(zone)

    def start(self):
        self.process = subprocess.Popen(
            [driver(), self.folder, self.origin, self.path("policy")], text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.path("log"), "a"),
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        self.at(self.now)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="latin-1") as f:
            f.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="latin-1") as f:
            return f.read()

    def try_command(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{words}: the driver died: {self.read('log')[-3000:]}")
        return line.split()

    def command(self, *words):
        answer = self.try_command(*words)
        if answer[0] != "ok":
            raise AssertionError(f"{words}: {answer}: {self.read('log')[-1000:]}")
        return int(answer[1]), int(answer[2])

    def at(self, now):
        self.now = now
        self.command("now", now)

    def load(self, text):
        self.command("load", self.write("zone", text))

    def policy(self, text):
        self.command("policy", self.write("policy", text))

    def update(self, *changes, end="commit"):
        for change in changes:
            self.command(*change)
        return self.command(end)

    def dump(self):
        self.command("dump", self.path("dump"))
        return self.read("dump")

    def zone(self):
        return Content(self.dump(), self.origin)

    def keys(self):
        self.command("keys", self.path("shown"))
        return self.read("shown")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        if self.process.returncode:
            raise AssertionError(self.read("log")[-3000:])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
            return
        self.process.kill()
        self.process.wait()


class Content:
    """A zone as text, and what a validator thinks of it."""

    def __init__(self, text, origin):
        self.text = text
        self.origin = dns.name.from_text(origin)
        self.zone = dns.zone.from_text(text, self.origin, relativize=False, check_origin=False)
        self.nodes = {name: node for name, node in self.zone.nodes.items()
                      if not any(r.rdtype == T.NSEC3 for r in node.rdatasets)}
        self.hashed = {name: node for name, node in self.zone.nodes.items()
                       if name not in self.nodes}

    def types(self, name):
        return {r.rdtype for r in self.nodes[name].rdatasets}

    def data(self):
        """Names with records that are not NSEC."""
        return [n for n in self.nodes if self.types(n) - {T.NSEC, T.RRSIG}]

    def is_cut(self, name):
        types = self.types(name) if name in self.nodes else set()
        return T.DNAME in types or (T.NS in types and name != self.origin)

    def above(self, name):
        while name != self.origin:
            name = name.parent()
            yield name

    def occluded(self, name):
        return any(self.is_cut(a) for a in self.above(name))

    def delegation(self, name):
        return name != self.origin and T.NS in self.types(name)

    def get(self, name, rdtype, covers=0):
        node = self.zone.nodes.get(name)
        return node and node.get_rdataset(dns.rdataclass.IN, rdtype, covers)

    def keys(self):
        keys = self.get(self.origin, T.DNSKEY)
        return list(keys) if keys else []

    def tags(self):
        return sorted(dns.dnssec.key_id(k) for k in self.keys())

    def signers(self, name, rdtype):
        sigs = self.get(name, T.RRSIG, rdtype)
        return sorted(s.key_tag for s in sigs) if sigs else []

    def serial(self):
        return self.get(self.origin, T.SOA)[0].serial

    def verify(self, now, algorithms=None, trusted=None):
        """Each rrset that should be signed is, rightly; no other is. Returns how many."""
        keys = {self.origin: self.get(self.origin, T.DNSKEY)}
        anchor = {self.origin: trusted} if trusted else keys
        count = 0
        for name, node in self.zone.nodes.items():
            for rdataset in node.rdatasets:
                if rdataset.rdtype == T.RRSIG:
                    equal(rdataset.ttl, self.get(name, rdataset.covers).ttl, f"{name} RRSIG TTL")
                    continue
                sigs = self.get(name, T.RRSIG, rdataset.rdtype)
                plain = name not in self.hashed
                wanted = not plain or not self.occluded(name) and (
                    not self.delegation(name) or rdataset.rdtype in (T.DS, T.NSEC))
                equal(bool(sigs), wanted, f"{name} {T.to_text(rdataset.rdtype)} is signed")
                if not wanted:
                    continue
                count += 1
                by = anchor if rdataset.rdtype in (T.DNSKEY, T.CDS, T.CDNSKEY) else keys
                dns.dnssec.validate((name, rdataset), (name, sigs), by, now=now)
                if algorithms:
                    equal({s.algorithm for s in sigs}, algorithms, f"{name}: algorithms")
                for s in sigs:
                    equal(s.inception <= now < s.expiration, True, f"{name}: time of signature")
        return count

    # --- the chain, by a model that looks at all of the zone ---

    def bitmap(self, name, more):
        types = self.types(name) - {T.NSEC, T.RRSIG}
        if self.delegation(name):
            types &= {T.NS, T.DS}
        return types | more

    def soa_ttl(self):
        soa = self.get(self.origin, T.SOA)
        return min(soa.ttl, soa[0].minimum)

    def expected_nsec(self):
        names = sorted(n for n in self.data() if not self.occluded(n))
        return {name: (names[(i + 1) % len(names)], self.bitmap(name, {T.NSEC, T.RRSIG}))
                for i, name in enumerate(names)}

    def expected_nsec3(self, salt, iterations, opt_out):
        types = {}
        for name in self.data():
            if self.occluded(name):
                continue
            signed = T.DS in self.types(name) or not self.delegation(name)
            if opt_out and not signed:
                continue
            types[name] = self.bitmap(name, {T.RRSIG} if signed else set())
        for name in list(types):
            for above in self.above(name):
                types.setdefault(above, set())
        hashes = {dns.dnssec.nsec3_hash(n, salt, iterations, 1).lower(): t
                  for n, t in types.items()}
        order = sorted(hashes)
        return {dns.name.from_text(h, self.origin): (order[(i + 1) % len(order)], hashes[h])
                for i, h in enumerate(order)}

    @staticmethod
    def types_of(rdata):
        found = set()
        for window, octets in rdata.windows:
            for i, octet in enumerate(octets):
                found |= {256 * window + 8 * i + bit for bit in range(8) if octet & 0x80 >> bit}
        return found

    def check_nsec(self):
        have = {}
        for name in self.nodes:
            nsec = self.get(name, T.NSEC)
            if nsec:
                equal((len(nsec), nsec.ttl), (1, self.soa_ttl()), f"{name} NSEC")
                have[name] = (nsec[0].next, self.types_of(nsec[0]))
        compare(have, self.expected_nsec())
        equal((self.hashed, self.get(self.origin, T.NSEC3PARAM)), ({}, None), "of NSEC3")

    def check_nsec3(self, salt=b"", iterations=0, opt_out=False):
        have = {}
        for name in self.hashed:
            record = self.get(name, T.NSEC3)
            equal((len(record), record.ttl), (1, self.soa_ttl()), f"{name} NSEC3")
            r = record[0]
            equal((r.algorithm, r.flags, r.iterations, r.salt), (1, int(opt_out), iterations, salt),
                  f"{name}: parameters")
            have[name] = (base64.b32hexencode(r.next).decode().lower(), self.types_of(r))
        compare(have, self.expected_nsec3(salt, iterations, opt_out))
        equal(any(self.get(n, T.NSEC) for n in self.nodes), False, "NSEC records")
        r = self.get(self.origin, T.NSEC3PARAM)[0]
        equal((r.flags, r.iterations, r.salt), (0, iterations, salt), "NSEC3PARAM")

    def plain(self):
        """The records that were not made by signing."""
        return sorted(line for line in self.text.splitlines() if line.split()[2] not in MADE)

    def chain(self):
        return sorted(line for line in self.text.splitlines()
                      if re.match(r"NSEC3?$", line.split()[2]))


def compare(have, expected):
    for name in sorted(set(have) | set(expected)):
        equal(have.get(name), expected.get(name), f"chain at {name}")


def tools(content, folder, now):
    """What ldns and BIND say of the zone; those that are not there do not count."""
    path = os.path.join(folder, "verify.zone")
    with open(path, "w", encoding="latin-1") as f:
        f.write(content.text)
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(now))
    commands = [["ldns-verify-zone", "-t", stamp, path]]
    # It knows no time but the present.
    if abs(now - time.time()) < DAY:
        single = ["-z"] if len({k.flags for k in content.keys()}) == 1 else []
        commands += [["dnssec-verify", *single, "-o", str(content.origin), path],
                     ["named-checkzone", "-i", "local", str(content.origin), path]]
    ran = 0
    for command in commands:
        if not shutil.which(command[0]):
            print(f"#    without {command[0]}, which is not installed")
            continue
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        equal(done.returncode, 0, f"{command[0]}: {(done.stdout + done.stderr)[-1500:]}")
        ran += 1
    return ran


KINDS = {
    "NSEC": ("", lambda c: c.check_nsec()),
    "NSEC3": ('denial = "nsec3"', lambda c: c.check_nsec3()),
    "NSEC3 with opt-out": ('denial = "nsec3"\nnsec3-opt-out = true',
                           lambda c: c.check_nsec3(opt_out=True)),
    "NSEC3 with salt": ('denial = "nsec3"\nnsec3-iterations = 3\nnsec3-salt = "aabbccdd"',
                        lambda c: c.check_nsec3(bytes.fromhex("aabbccdd"), 3)),
}


@test("a zone is signed, with each kind of chain")
def _():
    for kind, (policy, check) in KINDS.items():
        with temporary_folder() as folder, Signer(folder, policy) as s:
            content = s.zone()
            equal(content.verify(s.now) > 25, True, f"{kind}: rrsets")
            check(content)
            equal(content.serial(), 100, "the serial of the file")
            tools(content, folder, s.now)
            equal(os.stat(s.path("keys")).st_mode & 0o777, 0o700, "mode of the keys' folder")
            for f in os.scandir(s.path("keys")):
                equal(f.stat().st_mode & 0o777, 0o600, f.name)


@test("each algorithm, two keys and one")
def _():
    algorithms = [("rsasha256", 8), ("ecdsap256sha256", 13), ("ed25519", 15)]
    if os.environ.get("LAB_FULL"):
        algorithms += [("10", 10), ("ecdsap384sha384", 14), ("ed448", 16)]
    for name, number in algorithms:
        for single in ("false", "true"):
            with temporary_folder() as folder, \
                 Signer(folder, f"algorithm = {name}\nsingle-key = {single}") as s:
                content = s.zone()
                content.verify(s.now, {number})
                equal(len(content.keys()), 1 if single == "true" else 2, f"{name}: keys")
                equal(sum(k.flags & 1 for k in content.keys()), 1, f"{name}: with SEP")
                tools(content, folder, s.now)


NAMES = ["x", "y", "a.b.c.deep", "z.b.c.deep", "c.deep", "deep", "*.wild", "q.wild", "www",
         "under.d", "d", "insecure", "ns.insecure", "deeper.ns.insecure", "secure", "ns.secure",
         "one.two.three", "two.three", "tld1.only", "tld2.only", "\\000a", "a\\000", "upper", "@"]
DS = "12345 13 2 0102030405060708091011121314151617181920212223242526272829303132"


def random_change(rng, content, origin):
    """A record that may come, or one of those that are there and may go."""
    if rng.random() < 0.45:
        lines = [l for l in content.plain() if l.split()[2] != "SOA" and not
                 (l.startswith(origin + " ") and l.split()[2] == "NS")]
        return ("del", rng.choice(lines))
    name = rng.choice(NAMES)
    record = rng.choice(["A 192.0.2.%d" % rng.randrange(250), 'TXT "%d"' % rng.randrange(9),
                         "NS ns1", "NS other.example.", "DS " + DS, "DNAME Other.Example.",
                         "AAAA 2001:db8::%d" % rng.randrange(9), "MX 1 Mail"])
    if name == "@":
        record = "TXT apex%d" % rng.randrange(9)
    if record.startswith("DS") and name in ("deep", "@"):
        record = "A 192.0.2.9"
    ttl = rng.choice(["", "300 ", "7200 "])
    return ("add", f"{name} {ttl}IN {record}")


@test("after changes by chance the chain is the one that a new zone gets")
def _():
    rounds = 120 if os.environ.get("LAB_FULL") else 12
    seed = int(os.environ.get("SEED", "5"))
    for kind, (policy, check) in KINDS.items():
        rng = random.Random(seed)
        with temporary_folder() as folder, Signer(f"{folder}/a", policy) as s:
            content = s.zone()
            for i in range(rounds):
                changes = [random_change(rng, content, s.origin)
                           for _ in range(rng.choice([1, 1, 2, 5, 12]))]
                before = content.serial()
                try:
                    s.update(*changes)
                    content = s.zone()
                    check(content)
                    content.verify(s.now)
                except Exception:
                    print(f"#    {kind}, seed {seed}, round {i}: {changes}")
                    raise
                equal(content.serial() - before in (0, 1), True, "serial")
            plain = content.plain()
            with Signer(f"{folder}/b", policy, zone="\n".join(plain) + "\n") as t:
                fresh = t.zone()
                equal(fresh.plain(), plain, "content")
                equal(fresh.chain(), content.chain(), f"{kind}: chain")


@test("only what changed is signed again")
def _():
    for kind, (policy, _) in KINDS.items():
        with temporary_folder() as folder, Signer(folder, policy) as s:
            before = s.zone()
            s.update(("add", "mail IN A 192.0.2.99"))
            after = s.zone()
            old = set(before.text.splitlines())
            fresh = [l.split() for l in after.text.splitlines() if l not in old]
            signed = sorted((l[0], l[3]) for l in fresh if l[2] == "RRSIG")
            equal(signed, [("example.org.", "SOA"), ("mail.example.org.", "A")], kind)
            # The same file once more changes nothing at all but what the update had added.
            s.load(ZONE.replace(" 100 7200", " 102 7200"))
            again = s.zone()
            old = set(after.text.splitlines())
            fresh = [l.split() for l in again.text.splitlines() if l not in old]
            equal(sorted((l[0], l[3]) for l in fresh if l[2] == "RRSIG"),
                  [("example.org.", "SOA"), ("mail.example.org.", "A")], f"{kind}: reload")


@test("a failed edit leaves nothing behind")
def _():
    with temporary_folder() as folder, Signer(folder) as s:
        before = s.dump()
        s.update(("add", "gone IN A 192.0.2.99"), end="drop")
        equal(s.dump(), before, "zone")
    # The first edit fails: its keys go as well.
    with temporary_folder() as folder, Signer(folder, zone="") as s:
        equal(s.try_command("load", s.write("zone", "www 300 IN A 192.0.2.1\n")),
              ["error", "ENOENT"], "without SOA")
        equal(os.listdir(s.path("keys")), [], "keys")


@test("TTL of negative answers is the smaller of the SOA's TTL and its MINIMUM")
def _():
    with temporary_folder() as folder, Signer(folder) as s:
        for ttl, minimum in ((3600, 600), (300, 600), (300, 100), (3600, 7200)):
            s.load(ZONE.replace("IN SOA", f"{ttl} IN SOA").replace(" 600\n", f" {minimum}\n")
                   .replace(" 100 7200", f" {ttl + minimum} 7200"))
            content = s.zone()
            equal(content.soa_ttl(), min(ttl, minimum), "in the model")
            content.check_nsec()
            content.verify(s.now)


@test("from NSEC to NSEC3, other parameters, opt-out, and back")
def _():
    with temporary_folder() as folder, Signer(folder) as s:
        for kind in ("NSEC3", "NSEC3 with salt", "NSEC3 with opt-out", "NSEC", "NSEC3"):
            policy, check = KINDS[kind]
            serial = s.zone().serial()
            s.policy(policy)
            equal(s.command("maintain")[0], 1, "changed")
            content = s.zone()
            check(content)
            content.verify(s.now)
            equal(content.serial(), serial + 1, "serial")
            tools(content, folder, s.now)
            equal(s.command("maintain")[0], 0, "changed again")


@test("signatures are made again before they expire, spread over time")
def _():
    policy = "signature-lifetime = 10d\nsignature-refresh = 4d\nsignature-jitter = 2d\n" \
             "zsk-lifetime = 0\n"
    with temporary_folder() as folder, Signer(folder, policy) as s:
        start, made, runs = s.now, set(), 0
        made |= {l for l in s.dump().splitlines() if " RRSIG" in l or "\tRRSIG" in l}
        first = len(made)
        while s.now < start + 20 * DAY:
            _, due = s.command("maintain")
            equal(due > s.now, True, "what is due is done")
            content = s.zone()
            content.verify(s.now)
            for name in content.zone.nodes:
                for r in content.zone.nodes[name].rdatasets:
                    for sig in r if r.rdtype == T.RRSIG else ():
                        equal(sig.expiration - s.now > 4 * DAY - 60, True, f"{name}: time left")
            made |= {l for l in content.text.splitlines() if l.split()[2] == "RRSIG"}
            runs += 1
            s.at(due)
        # The first, and others each 4 to 6 days: it lives 8 to 10 and is renewed 4 before its end.
        per_set = len(made) / first
        equal(4 <= per_set <= 7, True, f"{per_set} signatures of an rrset in 20 days")
        equal(10 < runs < 70, True, f"{runs} runs")
        content.check_nsec()


def ds_of(key, origin):
    return dns.dnssec.make_ds(origin, key, "SHA256").to_text()


def life(s, days, parent_delay=5 * HOUR, look=6 * HOUR):
    """Run for some days; the parent does what CDS says. Yields (content, trusted keys)."""
    end, ds, asked = s.now + days * DAY, None, None
    while s.now < end:
        _, due = s.command("maintain")
        content = s.zone()
        cds = content.get(content.origin, T.CDS)
        wanted = {r.to_text().lower() for r in cds} if cds else None
        if wanted and wanted != ds:
            asked = asked or s.now
            if s.now - asked >= parent_delay:
                ds, asked = wanted, None
                s.command("seen", wanted.copy().pop().split()[0])
                continue
        trusted = None
        if ds:
            trusted = dns.rdataset.from_rdata_list(3600, [
                k for k in content.keys() if ds_of(k, content.origin).lower() in ds])
        yield content, trusted
        s.at(min(max(due, s.now + 60), s.now + look))


@test("key roll-overs for months: a chain of trust at each moment")
def _():
    days = 180 if os.environ.get("LAB_FULL") else 60
    for policy in ("zsk-lifetime = 20d\nksk-lifetime = 25d", "single-key = true\nksk-lifetime = 20d"):
        policy += "\nparent-ds-ttl = 12h\nsignature-lifetime = 30d\nsignature-jitter = 0"
        with temporary_folder() as folder, Signer(folder, policy) as s:
            seen, trusts, shown = set(), set(), None
            for content, trusted in life(s, days, look=2 * DAY):
                content.verify(s.now, {13}, trusted)
                seen |= set(content.tags())
                if trusted:
                    trusts |= {dns.dnssec.key_id(k) for k in trusted}
                if shown != content.tags():
                    shown = content.tags()
                    tools(content, folder, s.now)
            content.check_nsec()
            single = "single" in policy
            equal(len(trusts) >= 2, True, f"entry keys {trusts}")
            equal(len(seen) >= (3 if single else 5), True, f"keys {seen}")
            # What is gone leaves no file.
            equal(len(os.listdir(s.path("keys"))) <= (2 if single else 4), True, "files of keys")
            equal(s.keys().count("tag ") >= len(content.tags()), True, s.keys())


@test("a stop of days after a step: its time begins anew, unless all secondaries had it")
def _():
    policy = "dnskey-ttl = 2h\npropagation = 1h\nzsk-lifetime = 0"

    def states(s):
        return re.findall(r"ZSK tag \d+ \S+ (\S+) since", s.keys())

    def due(s):
        return s.command("maintain")[1]

    # Seconds that it was served after the step, and whether secondaries have it for sure.
    for served, known in ((0, False), (50 * 60, False), (2 * HOUR, True)):
        with temporary_folder() as folder, Signer(folder, policy) as s:
            s.command("served")
            for _ in range(3):          # the first keys' own waits
                s.at(max(s.now + 60, min(due(s), s.now + DAY)))
            s.command("roll", "zsk")
            s.command("served")
            equal(states(s), ["active", "published"], "a new ZSK")
            for _ in range(served // 60):
                s.at(s.now + 60)
                s.command("served")
            s.close()
            s.now += 5 * DAY
            s.start()
            s.command("served")
            s.command("maintain")
            # All of the three hours, or none of them
            if known:
                equal(states(s), ["retired", "active"], f"served for {served} s")
                continue
            equal(states(s), ["active", "published"], f"served for {served} s")
            end = s.now + 3 * HOUR
            for _ in range(3 * 60 - 1):
                s.at(s.now + 60)
                s.command("served")
                s.command("maintain")
                equal(states(s), ["active", "published"], f"{end - s.now} s before its time")
            s.at(end)
            s.command("served")
            s.command("maintain")
            equal(states(s), ["retired", "active"], "in its time")
            # The old key stays as long as a secondary may have signatures of it, whatever the clock says.
            s.close()
            s.now += 30 * DAY
            s.start()
            s.command("served")
            s.command("maintain")
            equal(states(s), ["retired", "active"], "after another stop")


@test("a keeper that is replaced at once is no interruption; one that was suspended is")
def _():
    with temporary_folder() as folder, Signer(folder, "dnskey-ttl = 2h\npropagation = 1h") as s:
        s.command("served")
        first = s.command("maintain")[1]
        s.at(s.now + 60)
        s.command("served")
        s.close()
        s.now += 60
        s.start()
        s.command("served")
        equal(s.command("maintain")[1], first, "the first keys' time")
        s.at(s.now + 600)
        s.command("served")
        equal(s.command("maintain")[1], s.now + 3 * HOUR, "after ten minutes without a sign of life")


@test("TTLs become shorter: what caches have of before counts")
def _():
    long, short = "dnskey-ttl = 2d\npropagation = 1h\nzsk-lifetime = 0", "dnskey-ttl = 1h\npropagation = 1h\nzsk-lifetime = 0"
    with temporary_folder() as folder, Signer(folder, long) as s:
        s.command("maintain")
        s.at(s.now + 4 * DAY)
        s.command("maintain")
        s.policy(short)
        s.command("maintain")
        equal(s.zone().get(s.zone().origin, T.DNSKEY).ttl, HOUR, "TTL of DNSKEY")
        s.at(s.now + HOUR)
        s.command("roll", "zsk")
        equal(s.command("maintain")[1], s.now + 2 * DAY + HOUR, "the new ZSK signs")
        s.at(s.now + 2 * DAY + 2 * HOUR)
        s.command("maintain")
        s.at(s.now + 4 * DAY)
        s.command("maintain")
        equal(s.keys().count("ZSK"), 1, s.keys())
        s.command("roll", "zsk")
        equal(s.command("maintain")[1], s.now + 2 * HOUR, "the next one, days later")


@test("a large zone is signed again in slices: valid in between, updates too, waits count from the end")
def _():
    names = 1500
    big = ZONE + "".join(f"h{i} IN A 10.0.{i >> 8}.{i & 255}\n" for i in range(names))
    calm = "zsk-lifetime = 0\nsignature-lifetime = 30d\nsignature-refresh = 10d\nsignature-jitter = 0\ndnskey-ttl = 1h\npropagation = 1h"
    for denial in ("", "\ndenial = nsec3"):
        with temporary_folder() as folder, Signer(folder, calm + denial, big) as s:
            def slices(check=()):
                """Until nothing is to be done at once; how many, whether secondaries are told, and when more is due."""
                n = told = 0
                while True:
                    changed, due = s.command("maintain")
                    n += 1
                    if n in check:
                        tools(s.zone(), folder, s.now)
                    if due > s.now:
                        return n, told, due
                    # Secondaries are told in the end.
                    equal((told, due), (0, 0), f"slice {n}")
                    told += changed
                    s.at(s.now + (0 if told else 60))
            slices()
            s.at(s.now + 3 * DAY)
            slices()
            old = re.search(r"ZSK tag (\d+)", s.keys())[1]
            # The new ZSK takes over: each signature is made anew.
            s.command("roll", "zsk")
            _, _, due = slices()
            s.at(due)
            _, due = s.command("maintain")
            equal(due, 0, "there is more to be done")
            tools(s.zone(), folder, s.now)
            s.update(("add", "h7 IN TXT new"), ("add", "zz IN TXT new"))
            tools(s.zone(), folder, s.now)
            s.close()           # as if it had been killed: the next one goes on
            s.start()
            s.at(s.now + 60)
            n, changed, due = slices(check=(1,))
            equal((n >= 3, changed), (True, 1), f"{n} slices")
            new = [r.key_tag for name, node in s.zone().nodes.items() for d in node.rdatasets if d.rdtype == T.RRSIG
                   for r in d if r.type_covered != T.DNSKEY and r.key_tag == int(old)]
            equal(new, [], "signatures of the old ZSK in the end")
            tools(s.zone(), folder, s.now)
            # The longest TTL in the zone, and propagation
            equal(due, s.now + 2 * HOUR, "the old ZSK goes")
            equal(s.keys().count("ZSK tag"), 2, s.keys())
            s.at(due)
            slices()
            equal(s.keys().count("ZSK tag"), 1, s.keys())
            # Renewal
            s.at(s.now + 20 * DAY)
            n, _, due = slices(check=(2,))
            equal(n >= 3, True, f"{n} slices")
            equal(due > s.now + 15 * DAY, True, "all of them were made again")
            tools(s.zone(), folder, s.now)


@test("another algorithm: signatures first, then keys, then the DS, and back out")
def _():
    calm = "parent-ds-ttl = 12h\nsignature-lifetime = 30d\nsignature-jitter = 0"
    with temporary_folder() as folder, Signer(folder, calm) as s:
        for content, trusted in life(s, 4):
            content.verify(s.now, {13}, trusted)
        s.policy(calm + "\nalgorithm = ed25519")
        stages = []
        for content, trusted in life(s, 8):
            content.verify(s.now, None, trusted)
            keys = tuple(sorted({k.algorithm for k in content.keys()}))
            sigs = tuple(sorted({r.algorithm for r in content.get(
                dns.name.from_text("www", content.origin), T.RRSIG, T.A)}))
            cds = content.get(content.origin, T.CDS)
            stage = (keys, sigs, tuple(sorted({r.algorithm for r in cds})))
            if stage not in stages:
                stages.append(stage)
                tools(content, folder, s.now)
        equal(stages, [((13,), (13, 15), (13,)), ((13, 15), (13, 15), (13,)),
                       ((13, 15), (13, 15), (15,)), ((15,), (13, 15), (15,)),
                       ((15,), (15,), (15,))], "DNSKEY, RRSIG and CDS")


@test("the parent is asked to remove all DS")
def _():
    with temporary_folder() as folder, Signer(folder, "withdraw-ds = true") as s:
        content = s.zone()
        content.verify(s.now)
        for rdtype, text in ((T.CDS, "0 0 0 00"), (T.CDNSKEY, "0 3 0 AA==")):
            equal([r.to_text() for r in content.get(content.origin, rdtype)], [text], str(rdtype))


@test("keys are replaced on request, and a KSK waits for its DS for ever")
def _():
    with temporary_folder() as folder, Signer(folder) as s:
        for content, _ in life(s, 3):
            pass
        old = content.tags()
        equal(s.try_command("seen", "1"), ["error", "ENOENT"], "no such key")
        s.command("roll", "zsk")
        s.command("roll", "ksk")
        equal(s.try_command("roll", "ksk"), ["error", "EBUSY"], "twice")
        equal(len(s.zone().tags()), 4, "keys")
        s.at(s.now + 30 * DAY)
        s.command("maintain")
        s.at(s.now + 30 * DAY)
        s.command("maintain")
        content = s.zone()
        content.verify(s.now, {13})
        new = [t for t in content.tags() if t not in old]
        equal(len(content.tags()), 3, "the old KSK is still there")
        waits = re.findall(r"tag (\d+) \S+ ready", s.keys())
        equal(len(waits), 1, s.keys())
        equal(int(waits[0]) in new, True, "the new one waits")
        cds = content.get(content.origin, T.CDS)
        equal([r.key_tag for r in cds], [int(waits[0])], "CDS")
        equal([dns.dnssec.key_id(r) for r in content.get(content.origin, T.CDNSKEY)],
              [int(waits[0])], "CDNSKEY")
        equal(re.findall(r"IN DS (.*)", s.keys())[0].lower(), cds[0].to_text().lower(), "DS shown")
        s.command("seen", waits[0])
        s.at(s.now + 3 * DAY)
        s.command("maintain")
        equal(set(s.zone().tags()), set(new), "keys in the end")


@test("a private key that is lost: the others sign on, and it is said")
def _():
    with temporary_folder() as folder, Signer(folder) as s:
        shown = s.keys()
        s.close()
        ksk = re.search(r"KSK(?:.*\n)+?.*file (\S+)\.pem", shown)[1]
        os.unlink(s.path(f"keys/{ksk}.pem"))
        s.start()
        before = s.zone()
        s.update(("add", "more IN A 192.0.2.77"))
        after = s.zone()
        after.verify(s.now)
        equal(after.tags(), before.tags(), "keys in the zone")
        equal("private key with tag" in s.read("log"), True, "said")
        # With the ZSK lost, too, nothing can be signed: the edit fails.
        s.close()
        for f in os.listdir(s.path("keys")):
            os.unlink(s.path(f"keys/{f}"))
        s.start()
        s.command("add", "never IN A 192.0.2.78")
        equal(s.try_command("commit")[0], "error", "commit")
        equal(s.dump(), after.text, "zone")


@test("killed at any moment: a zone that is whole, keys that are there")
def _():
    with temporary_folder() as folder, Signer(folder, "zsk-lifetime = 2d\nsignature-jitter = 0") as s:
        rng = random.Random(7)
        for i in range(12):
            words = [("add", f"k{i} IN A 192.0.2.1"), ("commit",), ("now", s.now + DAY), ("maintain",)]
            text = "".join(" ".join(str(x) for x in w) + "\n" for w in words)
            s.process.stdin.write(text)
            s.process.stdin.flush()
            for _ in range(rng.randrange(len(words))):
                s.process.stdout.readline()
            s.process.send_signal(signal.SIGKILL)
            s.process.wait()
            s.now += rng.choice([0, DAY])
            s.start()
            s.command("maintain")
            content = s.zone()
            content.verify(s.now, {13})
            content.check_nsec()
            have = set(os.listdir(s.path("keys")))
            named = set(re.findall(r"file (\S+\.pem)", s.keys()))
            equal(named - have, set(), "keys without a file")


@test("a zone whose name leaves no room for a hash is signed with NSEC, not with NSEC3")
def _():
    label = "x" * 55
    for size, rest in ((222, 52), (223, 53)):
        origin = ".".join([label] * 3 + ["y" * rest]) + "."
        equal(sum(len(x) + 1 for x in origin.split(".")), size, "octets")
        text = "@ 3600 IN SOA ns1.example. a.example. 1 1 1 1 1\n@ 3600 IN NS ns1.example.\n"
        for kind in ("NSEC", "NSEC3"):
            policy, check = KINDS[kind]
            with temporary_folder() as folder, Signer(folder, policy, zone="", origin=origin) as s:
                answer = s.try_command("load", s.write("zone", text))
                if kind == "NSEC3" and size > 222:
                    equal(answer, ["error", "ENAMETOOLONG"], "load")
                    equal("too long for NSEC3" in s.read("log"), True, "said")
                    continue
                equal(answer[0], "ok", f"{size} octets, {kind}: {s.read('log')}")
                content = s.zone()
                content.verify(s.now)
                check(content)


@test("a folder of keys that others may read is refused")
def _():
    with temporary_folder() as folder, Signer(folder, zone="") as s:
        os.mkdir(s.path("keys"), 0o755)
        s.write("zone", ZONE)
        equal(s.try_command("load", s.path("zone"))[0], "error", "load")
        equal("mode 755 lets others at private keys; 700 is allowed" in s.read("log"), True, "said")


@test("what a policy must not say is said with what is allowed")
def _():
    for text, words in (
            ("algorithm = rsamd5", "allowed are ecdsap256sha256"),
            ("rsa-bits = 512", "1024 to 4096"),
            ("denial = nothing", "nsec and nsec3"),
            ("nsec3-iterations = 100", "0 to 50"),
            ("nsec3-salt = abc", "8 octets in hexadecimal"),
            ("nsec3-opt-out = true", "needs denial"),
            ("signature-lifetime = 5", "with the unit"),
            ("signature-lifetime = 99w\nsignature-refresh = 99w", "must be less"),
            ("dnskey-ttl = 20000d", "up to ten years")):
        with temporary_folder() as folder, Signer(folder, zone="") as s:
            equal(s.try_command("policy", s.write("bad", text))[0], "error", text)
            log = s.read("log")
            equal(words in log and ":" in log, True, f"{text}: {log}")


if __name__ == "__main__":
    sys.exit(main())
