#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
DNSSEC of linnet-dnsd from outside: zones that others signed are answered as NSD and Knot
answer them, zones that it signs are believed by Unbound, delv and ldns, through updates,
reloads, transfers, a roll-over and a keeper that is killed.

That signing is right at each moment of its life is tested in unit/dnsd_sign.
"""
import datetime
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
from harness import PATIENCE, Skip, equal, main, program, temporary_folder, test, until
import servers
from linnet import Dnsd
from servers import Peer, Zone, free_port, knot, nsd, unbound

try:
    import dns.dnssec
    import dns.flags
    import dns.message
    import dns.query
    import dns.rcode
    import dns.rdatatype as T
    import dns.resolver
    import dns.update
    import dns.zone
except ImportError:
    # Debian's packages are for Debian's Python.
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    dns = None

ORIGIN = "example.org"
ZONE = """\
$ORIGIN example.org.
$TTL 1h
@               IN SOA  ns1 Host.Master 100 7200 900 1209600 600
                IN NS   ns1
                IN MX   10 Mail
                IN TXT  "the apex"
ns1             IN A    127.0.0.1
mail            IN A    192.0.2.2
                IN AAAA 2001:db8::2
*.wild          IN TXT  "any"
                IN MX   5 MAIL
there.wild      IN A    192.0.2.11
*.ent.wild2     IN TXT  "below an empty non-terminal"
below.*.wild3   IN TXT  "a wildcard that is an empty non-terminal"
*.cwild         IN CNAME www
*.cnone         IN CNAME none.www
*.cother        IN CNAME q.wild
a.b.c.deep      IN A    192.0.2.3
alias           IN CNAME www
loose           IN CNAME none.www
outside         IN CNAME www.example.net.
www             IN A    192.0.2.4
                IN A    192.0.2.5
d               IN DNAME mail
secure          IN NS   ns.secure
                IN DS   12345 13 2 0102030405060708091011121314151617181920212223242526272829303132
ns.secure       IN A    192.0.2.6
insecure        IN NS   ns.insecure
ns.insecure     IN A    192.0.2.7
insecure.only   IN NS   ns1
_sip._tcp       IN SRV  1 2 5060 mail
"""

SIGNERS = {
    "NSEC": [],
    "NSEC3": ["-3", "-", "-H", "0"],
    "NSEC3 with opt-out": ["-3", "-", "-H", "0", "-A"],
    "NSEC3 with salt": ["-3", "aabbccdd", "-H", "5"],
}
POLICIES = {
    "NSEC": "",
    "NSEC3": 'denial = "nsec3"',
    "NSEC3 with opt-out": 'denial = "nsec3"\nnsec3-opt-out = true',
    "CSK, Ed25519": "single-key = true\nalgorithm = ed25519",
}

NAMES = ["@", "ns1", "mail", "none", "none.none", "www", "none.www", "alias", "loose", "outside", "deep", "c.deep",
         "b.c.deep", "a.b.c.deep", "x.c.deep", "x.a.b.c.deep", "wild", "q.wild", "q.q.wild", "*.wild", "there.wild",
         "x.there.wild", "wild2", "ent.wild2", "q.ent.wild2", "wild3", "q.wild3", "*.wild3", "below.*.wild3", "q.cwild",
         "q.cnone", "q.cother", "d", "x.d", "secure", "ns.secure", "x.secure", "insecure", "ns.insecure", "x.insecure",
         "only", "x.only", "insecure.only", "x.insecure.only", "_tcp", "_sip._tcp", "zzz", "a", "\\000"]
TYPES = ["A", "TXT", "DS", "NS", "CNAME", "DNSKEY", "NSEC", "SRV"]


def need(*programs):
    if dns is None:
        raise Skip("python3-dnspython is not installed")
    for name in programs:
        if not shutil.which(name):
            raise Skip(f"{name} is not installed")


def write(path, text):
    with open(path, "w", encoding="latin-1") as f:
        f.write(text)
    return path


def run(*command, text=None, status=0):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    if status is not None:
        equal(done.returncode, status, f"{command}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout + done.stderr


def full(name):
    return ORIGIN + "." if name == "@" else f"{name}.{ORIGIN}."


def ask(port, name, rtype, do=True, tcp=False, payload=4096, flags=0):
    query = dns.message.make_query(name, rtype, use_edns=0, want_dnssec=do, payload=payload)
    query.flags = flags
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, "127.0.0.1", port=port, timeout=PATIENCE)


def records(section):
    return {(r.name.to_text().lower(), T.to_text(r.rdtype), d.to_text().lower()) for r in section for d in r}


def presigned(folder, options):
    """The zone, signed by BIND's tools; its path and keys."""
    need("dnssec-signzone", "dnssec-keygen")
    keys = [run("dnssec-keygen", "-K", folder, "-a", "13", *extra, ORIGIN).split("\n")[-2]
            for extra in ([], ["-f", "KSK"])]
    text = ZONE + "".join(open(f"{folder}/{k}.key", encoding="ascii").read() for k in keys)
    path = write(f"{folder}/plain.zone", text)
    run("dnssec-signzone", "-K", folder, "-d", folder, "-o", ORIGIN, "-f", f"{folder}/signed.zone", *options, path, *keys)
    return f"{folder}/signed.zone"


def reply_of(port, name, rtype):
    """What a response says, in a form that can be compared."""
    r = ask(port, full(name), rtype)
    if r.flags & dns.flags.TC:
        r = ask(port, full(name), rtype, tcp=True)
    authority = records(r.authority)
    # Knot puts the apex's NS nowhere, NSD puts them beside positive answers.
    if r.answer:
        authority = {x for x in authority if not (x[0] == ORIGIN + "." and (x[1] == "NS" or x[2].startswith("ns ")))}
    return dns.rcode.to_text(r.rcode()), bool(r.flags & dns.flags.AA), records(r.answer), authority


@test("zones that others signed: each proof is the one that NSD or Knot gives")
def _():
    need()
    kinds = SIGNERS if os.environ.get("LAB_FULL") else {k: SIGNERS[k] for k in ("NSEC", "NSEC3", "NSEC3 with opt-out")}
    for kind, options in kinds.items():
        with temporary_folder() as folder:
            os.chmod(folder, 0o755)
            path = presigned(folder, options)
            zones = [Zone(ORIGIN, file=path)]
            with Dnsd(f"{folder}/l", zones) as ours, nsd(f"{folder}/n", zones) as n, knot(f"{folder}/k", zones) as k:
                differ = asked = 0
                for name, rtype in itertools.product(NAMES, TYPES):
                    got = reply_of(ours.port, name, rtype)
                    theirs = [reply_of(s.port, name, rtype) for s in (n, k)]
                    asked += 1
                    if got in theirs:
                        continue
                    differ += 1
                    print(f"#   {kind}: {name} {rtype}: {got[0]} aa={got[1]}")
                    for word, other in zip(("NSD", "Knot"), theirs):
                        print(f"#     {word}: {other[0]} aa={other[1]}")
                        for i, section in ((2, "answer"), (3, "authority")):
                            for sign, extra in (("+", got[i] - other[i]), ("-", other[i] - got[i])):
                                for x in sorted(extra):
                                    print(f"#       {section} {sign} {x[0]} {x[1]} {x[2][:60]}")
                equal(differ, 0, f"{kind}: differences in {asked} answers")


class Validator:
    """Unbound, which believes only what the zone's DS says."""

    def __init__(self, folder, port, anchor, stub=ORIGIN):
        os.makedirs(folder, exist_ok=True)
        write(f"{folder}/anchor", anchor)
        self.server = unbound(folder, trust_anchor_file=f"{folder}/anchor", stubs={stub: [Peer("127.0.0.1", port)]},
                              more="target-fetch-policy: \"0 0 0 0 0\"\nharden-algo-downgrade: yes\n"
                                   "do-ip6: no\nqname-minimisation: no\naggressive-nsec: no\nval-log-level: 2\n"
                                   "harden-below-nxdomain: no\nprefetch: no")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.server.__exit__(*exc)

    def ask(self, name, rtype):
        """(RCODE, whether it was proved)"""
        r = ask(self.server.port, full(name), rtype, flags=dns.flags.RD)
        return dns.rcode.to_text(r.rcode()), bool(r.flags & dns.flags.AD)


# Through a resolver: what must come and be proved. Names below d are mail's.
PROVED = [
    ("@", "SOA", "NOERROR"), ("@", "DNSKEY", "NOERROR"), ("@", "TYPE65280", "NOERROR"), ("mail", "AAAA", "NOERROR"),
    ("mail", "TXT", "NOERROR"), ("none", "A", "NXDOMAIN"), ("none.none", "A", "NXDOMAIN"), ("alias", "A", "NOERROR"),
    ("alias", "TXT", "NOERROR"), ("loose", "A", "NXDOMAIN"), ("c.deep", "A", "NOERROR"), ("deep", "MX", "NOERROR"),
    ("a.b.c.deep", "A", "NOERROR"), ("x.c.deep", "A", "NXDOMAIN"), ("q.wild", "TXT", "NOERROR"),
    ("q.q.wild", "MX", "NOERROR"), ("q.wild", "A", "NOERROR"), ("x.there.wild", "TXT", "NXDOMAIN"),
    ("*.wild", "TXT", "NOERROR"), ("q.ent.wild2", "TXT", "NOERROR"), ("q.wild2", "TXT", "NXDOMAIN"),
    ("q.wild3", "TXT", "NOERROR"), ("q.cwild", "A", "NOERROR"), ("q.cnone", "A", "NXDOMAIN"),
    ("q.cother", "TXT", "NOERROR"), ("q.cother", "A", "NOERROR"), ("d", "DNAME", "NOERROR"), ("x.d", "A", "NXDOMAIN"),
    ("secure", "DS", "NOERROR"), ("_sip._tcp", "SRV", "NOERROR"), ("zzz", "A", "NXDOMAIN"), ("only", "A", "NOERROR"),
    ("insecure", "DS", "NOERROR"),
]


def anchors(d):
    shown = run(program("linnet-dnsd"), "-c", d.conf, "--keys", ORIGIN)
    ds = ask(d.port, full("@"), "DNSKEY").answer[0]
    # The first key is not to be given to a parent yet: from the zone itself.
    found = [dns.dnssec.make_ds(full("@"), key, "SHA256").to_text() for key in ds if key.flags & 1]
    return shown, "".join(f"{ORIGIN}. IN DS {x}\n" for x in found)


@test("zones that it signs: Unbound believes each answer and each denial")
def _():
    need()
    for kind, policy in POLICIES.items():
        with temporary_folder() as folder:
            path = write(f"{folder}/zone", ZONE)
            os.chmod(folder, 0o755)
            zones = [Zone(ORIGIN, file=path, more=f"dnssec {{\n{policy}\n}}")]
            with Dnsd(f"{folder}/l", zones) as d:
                _, anchor = anchors(d)
                with Validator(f"{folder}/u", d.port, anchor) as u:
                    for name, rtype, rcode in PROVED:
                        # Unbound 1.17 knows no wildcard that is an empty non-terminal with NSEC; BIND does.
                        if name == "q.wild3" and "NSEC3" not in kind:
                            continue
                        got = u.ask(name, rtype)
                        # RFC 5155 9.2: in a span that is opted out it is not proved that a name is not there, and
                        # so neither is what a wildcard says.
                        absent = rcode == "NXDOMAIN" or rtype == "DS" or name == "only" or name.startswith("q.")
                        proved = got[1] or ("opt-out" in kind and absent)
                        equal((got[0], proved), (rcode, True), f"{kind}: {name} {rtype}\n{u.server.log()[-600:]}")
                    equal(u.ask("@", "SOA"), ("NOERROR", True), kind)
                # Another key: nothing is believed.
                wrong = re.sub(r"( 2 )(..)", r"\g<1>00", anchor)
                with Validator(f"{folder}/w", d.port, wrong) as u:
                    equal(u.ask("mail", "AAAA")[0], "SERVFAIL", "with a wrong DS")


def delv(folder, port, anchor, name, rtype):
    ds = re.findall(r"IN DS (\d+) (\d+) (\d+) (.*)", anchor)
    key = "".join(f'"{ORIGIN}." static-ds {t} {a} {h} "{digest.replace(" ", "")}";' for t, a, h, digest in ds)
    conf = write(f"{folder}/delv.keys", f"trust-anchors {{ {key} }};\n")
    return run("delv", "@127.0.0.1", "-p", str(port), "-a", conf, f"+root={ORIGIN}", full(name), rtype)


@test("delv believes answers and denials")
def _():
    need("delv")
    for kind in ("NSEC", "NSEC3"):
        with temporary_folder() as folder:
            path = write(f"{folder}/zone", ZONE)
            os.chmod(folder, 0o755)
            with Dnsd(f"{folder}/l", [Zone(ORIGIN, file=path, more=f"dnssec {{\n{POLICIES[kind]}\n}}")]) as d:
                _, anchor = anchors(d)
                for name, rtype, words in (("mail", "A", "; fully validated"), ("q.wild", "TXT", "; fully validated"),
                                           ("q.wild3", "TXT", "; negative response, fully validated"),
                                           ("none", "A", "; negative response, fully validated"),
                                           ("mail", "TXT", "; negative response, fully validated")):
                    said = delv(folder, d.port, anchor, name, rtype)
                    equal(words in said, True, f"{kind}: {name} {rtype}: {said}")


def transferred(d, folder):
    """The zone by AXFR, as a file."""
    text = run("kdig", "@127.0.0.1", "-p", str(d.port), "+nocomments", "+noquestion", "+nostats", "AXFR", ORIGIN)
    lines = [line for line in text.splitlines() if line and not line.startswith(";")]
    equal(lines[0], lines[-1], "SOA at both ends")
    return write(f"{folder}/axfr.zone", "\n".join(lines[:-1]) + "\n")


def verify(d, folder):
    path = transferred(d, folder)
    run("ldns-verify-zone", path)
    run("dnssec-verify", "-o", ORIGIN, path)
    run("named-checkzone", "-i", "local", ORIGIN, path)
    return path


def serial(port):
    """None: it has no zone yet."""
    answer = ask(port, full("@"), "SOA", do=False).answer
    return answer[0][0].serial if answer else None


@test("updates and reloads are signed as they come; a secondary follows by IXFR")
def _():
    need("ldns-verify-zone", "dnssec-verify", "named-checkzone", "kdig", "nsupdate")
    for kind in ("NSEC", "NSEC3 with opt-out"):
        with temporary_folder() as folder:
            os.chmod(folder, 0o755)
            path = write(f"{folder}/zone", ZONE)
            here = Peer("127.0.0.1")
            zones = [Zone(ORIGIN, file=path, transfer=[here], update=[here], more=f"dnssec {{\n{POLICIES[kind]}\n}}")]
            with Dnsd(f"{folder}/l", zones) as d:
                first = verify(d, folder)
                plain = [l for l in open(first, encoding="latin-1") if l.split()[3] == "A"]
                with knot(f"{folder}/k", [Zone(ORIGIN, primaries=[Peer("127.0.0.1", d.port)])]) as k:
                    until(lambda: serial(k.port) == serial(d.port), "the secondary to have the zone")
                    for i in range(5):
                        run("nsupdate", text=f"server 127.0.0.1 {d.port}\nzone {ORIGIN}\n"
                            f"update add n{i}.new{i % 2}.{ORIGIN} 300 A 192.0.2.{i}\n"
                            f"update add cut{i}.{ORIGIN} 300 NS ns1.{ORIGIN}\n"
                            + (f"update delete cut{i - 1}.{ORIGIN}\n" if i else "") + "send\n")
                        equal(serial(d.port), 101 + i, "serial after an update")
                    verify(d, folder)
                    write(path, ZONE.replace(" 100 7200", " 200 7200").replace("192.0.2.2", "192.0.2.222"))
                    d.process.send_signal(signal.SIGHUP)
                    until(lambda: (serial(d.port) or 0) >= 200, "the reload")
                    # A stream that an old worker still takes may be closed before its question is there.
                    until(lambda: family(d) == 3, "the old worker and keeper to be gone")
                    last = verify(d, folder)
                    k.control("zone-refresh", ORIGIN)
                    until(lambda: serial(k.port) == serial(d.port), "the secondary to follow")
                    equal("IXFR, incoming" in k.log(), True, f"IXFR: {k.log()[-1500:]}")
                    theirs = dns.zone.from_xfr(dns.query.xfr("127.0.0.1", ORIGIN, port=d.port))
                    text = run("kdig", "@127.0.0.1", "-p", str(k.port), "+nocomments", "+noquestion", "+nostats", "AXFR",
                               ORIGIN, status=None)
                    if "NOTAUTH" not in text and "failed" not in text:
                        equal({l for l in text.splitlines() if l and l[0] != ";"},
                              {l for l in open(last, encoding="latin-1").read().splitlines()}, "the secondary's zone")
                    equal(bool(theirs), True, "zone")
                equal(bool(plain), True, "A records")


@test("--keys shows them; a KSK waits for its DS, a ZSK is rolled in seconds")
def _():
    need()
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        path = write(f"{folder}/zone", ZONE.replace("$TTL 1h", "$TTL 1"))
        policy = 'propagation = "1s"\ndnskey-ttl = "1s"\nparent-ds-ttl = "1s"\nparent-propagation = "1s"'
        with Dnsd(f"{folder}/l", [Zone(ORIGIN, file=path, more=f"dnssec {{\n{policy}\n}}")]) as d:
            binary = program("linnet-dnsd")

            def keys():
                return run(binary, "-c", d.conf, "--keys", ORIGIN)

            def order(*words, status=0):
                return run(binary, "-c", d.conf, "--control", *words, ORIGIN, status=status)

            def tags(role):
                return re.findall(rf"{role} tag (\d+) \S+ (\S+) since", keys())

            equal([s for _, s in tags("ZSK")], ["active"], keys())
            until(lambda: tags("KSK")[0][1] == "ready", "the KSK to wait for its DS")
            ksk, zsk = tags("KSK")[0][0], tags("ZSK")[0][0]
            cds = ask(d.port, full("@"), "CDS").answer[0][0].to_text()
            equal(re.search(r"IN DS (.*)", keys())[1].lower(), cds.lower(), "the DS that is shown")
            order("ds-seen")
            equal(tags("KSK"), [(ksk, "active")], "KSK")
            equal("no key waits" in order("ds-seen", status=1), True, "again")
            order("roll-zsk")
            until(lambda: [t for t, s in tags("ZSK") if s == "active" and t != zsk], "the new ZSK to sign")
            new = [t for t, s in tags("ZSK") if s == "active"][0]
            _, anchor = anchors(d)
            with Validator(f"{folder}/u", d.port, anchor) as u:
                equal(u.ask("mail", "A"), ("NOERROR", True), "with the new ZSK")
            until(lambda: [t for t, _ in tags("ZSK")] == [new], "the old ZSK to be gone")
            answer = ask(d.port, full("mail"), "A").answer[1][0]
            equal(answer.key_tag, int(new), "who signs")
            # The keeper dies: what it had is in the store.
            before = keys()
            keeper = keepers(d)
            equal(len(keeper), 1, "one keeper")
            os.kill(keeper[0], signal.SIGKILL)
            until(lambda: set(keepers(d)) - set(keeper), "a new keeper")
            equal(keys(), before, "keys")
            order("roll-ksk")
            until(lambda: "ready" in [s for _, s in tags("KSK")], "the new KSK to wait")
            equal(len(tags("KSK")), 2, keys())


def is_keeper(pid):
    """It holds the control socket."""
    try:
        inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    except OSError:
        return False
    with open("/proc/net/unix", encoding="ascii") as f:
        return any(f"socket:[{line.split()[6]}]" in inodes for line in f if line.rstrip().endswith("/control.socket"))


@test("the parent is asked for the DS, and the key is in use when it has it")
def _():
    need("nsupdate")
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        port = free_port()
        org = "org. 60 IN SOA ns.org. a.org. 1 1 1 1 1\norg. IN NS ns.org.\nns.org. IN A 127.0.0.1\n" \
              f"{ORIGIN}. IN NS ns1.{ORIGIN}.\nns1.{ORIGIN}. IN A 127.0.0.1\n"
        policy = f'propagation = "1s"\ndnskey-ttl = "1s"\nparent-check = "1s"\nparents = {{"127.0.0.1:{port}"}}\n' \
                 'parent-ds-ttl = "1s"\nparent-propagation = "1s"'
        zones = [Zone("org", file=write(f"{folder}/org", org), update=[Peer("127.0.0.1")], more="dnssec {\n}"),
                 Zone(ORIGIN, file=write(f"{folder}/zone", ZONE.replace("$TTL 1h", "$TTL 1")),
                      more=f"dnssec {{\n{policy}\n}}")]
        with Dnsd(f"{folder}/l", zones, port=port, more=f'query-log = "{folder}/l/queries"') as d:
            def keys():
                return run(program("linnet-dnsd"), "-c", d.conf, "--keys", ORIGIN)

            until(lambda: "ready since" in keys(), "the KSK to wait")
            ds = re.search(r"IN DS (.*)", keys())[1]

            def publish(*texts, ttl=60):
                run("nsupdate", text=f"server 127.0.0.1 {port}\nzone org\nupdate delete {ORIGIN} DS\n"
                    + "".join(f"update add {ORIGIN} {ttl} DS {text}\n" for text in texts) + "send\n")

            publish(ds[:-2] + ("00" if ds[-2:] != "00" else "01"))
            asked = dns_queries(d)
            until(lambda: dns_queries(d) >= asked + 2, "two more questions")
            equal("ready since" in keys(), True, "with a DS that is another's")
            publish(ds)
            until(lambda: "ready since" not in keys(), "the DS to be seen")
            equal(len(re.findall(r"KSK tag \d+ \S+ active", keys())), 1, keys())
            # The chain of trust from org down.
            anchor = "".join(f"org. IN DS {dns.dnssec.make_ds('org.', k, 'SHA256').to_text()}\n"
                             for k in ask(port, "org.", "DNSKEY").answer[0] if k.flags & 1)
            with Validator(f"{folder}/u", port, anchor, "org") as u:
                equal(u.ask("mail", "A"), ("NOERROR", True), u.server.log()[-500:])
            # A roll-over: as long as the parent has the old DS, too, resolvers may go by it.
            publish(ds, ttl=3000)
            run(program("linnet-dnsd"), "-c", d.conf, "--control", "roll-ksk", ORIGIN)
            until(lambda: "ready since" in keys(), "the new KSK to wait")
            new = re.search(r"ready since[^\n]*\n.*\n.*\n *\S+ IN DS (.*)", keys())[1]
            asked = dns_queries(d)
            until(lambda: dns_queries(d) >= asked + 2, "questions, in which the old DS is seen")
            publish(ds, new)
            until(lambda: d.has("has the DS of the key with tag .*, and that of a former key, too"), "a word about it")
            equal("ready since" in keys(), True, "with both")
            publish(new)
            until(lambda: "ready since" not in keys(), "the new DS alone to be seen")
            # For so long the old DS, of which the TTL was 3000, may be in a cache.
            retired = re.search(r"KSK tag \d+ \S+ retired since (\S+ \S+) UTC\n.*\n +it leaves the zone at (\S+ \S+) UTC", keys())
            began, ends = (datetime.datetime.fromisoformat(t) for t in retired.groups())
            equal((ends - began).total_seconds(), 3001, keys())


@test("a large zone changes its ZSK: others are updated between the slices")
def _():
    need()
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        head = "$TTL 1\n@ SOA ns1 host 1 7200 900 1209600 1\n@ NS ns1\nns1 A 127.0.0.1\n"
        big = write(f"{folder}/big", head + "".join(f"h{i} A 10.0.{i >> 8}.{i & 255}\n" for i in range(6000)))
        policy = 'propagation = "1s"\ndnskey-ttl = "1s"'
        zones = [Zone("big.test", file=big, more=f"dnssec {{\n{policy}\n}}"),
                 Zone("small.test", file=write(f"{folder}/small", head), update=[Peer("127.0.0.1")])]
        with Dnsd(f"{folder}/l", zones) as d:
            binary = program("linnet-dnsd")
            run(binary, "-c", d.conf, "--control", "roll-zsk", "big.test")
            sent = 0

            def retired():
                return re.search(r"ZSK tag \d+ \S+ retired", run(binary, "-c", d.conf, "--keys", "big.test"))
            until(retired, "the new ZSK to sign")
            while retired():
                u = dns.update.Update("small.test")
                u.add(f"x{sent}", 60, "A", "192.0.2.1")
                equal(dns.query.tcp(u, "127.0.0.1", port=d.port, timeout=PATIENCE).rcode(), 0, "an update")
                sent += 1
            events = "".join("s" if "there are more to be made" in line else "u" if "small.test. updated" in line else ""
                             for line in d.lines)
            equal(len(re.findall("s(?=u)", events)) >= 5, True, events)


def dns_queries(d):
    with open(f"{d.folder}/queries", encoding="utf-8") as f:
        return len(re.findall(r"\bDS\b", f.read()))


def family(d):
    try:
        return len(d.processes())
    except FileNotFoundError:       # one is just ending
        return 0


def keepers(d):
    try:
        return [p for p in d.processes() if is_keeper(p)]
    except FileNotFoundError:       # one is just ending
        return []


# What dnsviz needs beside python3-dnspython; of graphviz only libraries that it is linked with.
DNSVIZ = ["dnsviz", "python3-m2crypto", "python3-pygraphviz", "libcgraph6", "libcdt5", "libgvc6", "libpathplan4",
          "libltdl7"]


def dnsviz(*words):
    """Debian's, unpacked where servers.py unpacks the servers."""
    try:
        path = servers.UNPACKED.have("usr/bin/dnsviz", DNSVIZ)
    except (OSError, subprocess.SubprocessError) as e:
        raise Skip(f"no dnsviz: {e}") from None
    env = {**servers.environment(), "PYTHONPATH": os.path.join(servers.UNPACKED.folder, "usr/lib/python3/dist-packages")}
    done = subprocess.run(["/usr/bin/python3", path, *words], env=env, capture_output=True, text=True, check=False,
                          timeout=60)
    if "ImportError" in done.stderr or "not installed" in done.stderr:
        raise Skip(f"dnsviz does not start: {done.stderr.splitlines()[-1]}")
    equal(done.returncode, 0, f"dnsviz: {done.stderr[-1500:]}")
    return done.stdout


@test("dnsviz finds nothing wrong, and finds what is made wrong")
def _():
    need()
    for kind in ("NSEC", "NSEC3"):
        with temporary_folder() as folder:
            path = write(f"{folder}/zone", ZONE)
            os.chmod(folder, 0o755)
            with Dnsd(f"{folder}/l", [Zone(ORIGIN, file=path, more=f"dnssec {{\n{POLICIES[kind]}\n}}")]) as d:
                keys = ask(d.port, full("@"), "DNSKEY").answer[0]
                entry = [k.to_text() for k in keys if k.flags & 1]
                write(f"{folder}/right", "".join(f"{ORIGIN}. 3600 IN DNSKEY {k}\n" for k in entry))
                write(f"{folder}/wrong", "".join(f"{ORIGIN}. 3600 IN DNSKEY {k[:-4]}AA==\n" for k in entry))
                names = [ORIGIN, f"q.wild.{ORIGIN}", f"none.www.{ORIGIN}"]
                dnsviz("probe", "-A", "-4", "-p", "-a", ORIGIN, "-x", f"{ORIGIN}+:ns1.{ORIGIN}=127.0.0.1:{d.port}",
                       "-o", f"{folder}/probe.json", *names)
                for trusted, marks in (("right", {"[.]"}), ("wrong", None)):
                    text = dnsviz("print", "-t", f"{folder}/{trusted}", "-r", f"{folder}/probe.json")
                    found = set(re.findall(r"\[[^\]A-Za-z0-9]\]", text))
                    if marks:
                        equal(found, marks, f"{kind}: {text}")
                        equal("NXDOMAIN" in text and "PROOF" in text, True, text)
                        equal(re.findall(r"^\s*[EW]:.*", text, re.M), [], f"{kind}: {text}")
                    else:
                        equal(found != {"[.]"}, True, f"{kind}: another key is trusted, and it finds all secure")


@test("a zone whose section dnssec goes is no longer signed, and again with the same keys when it comes")
def _():
    need()
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        path = write(f"{folder}/zone", ZONE)
        with Dnsd(f"{folder}/l", [Zone(ORIGIN, file=path, more="dnssec {\n}")]) as d:
            conf = open(d.conf, encoding="utf-8").read()
            keys = records(ask(d.port, full("@"), "DNSKEY").answer)
            equal(len(keys) > 2, True, "keys and signature")

            def signed():
                return len(ask(d.port, full("mail"), "A").answer) > 1

            write(d.conf, re.sub(r"\tdnssec \{\n\t\}\n", "", conf))
            d.process.send_signal(signal.SIGHUP)
            until(lambda: not signed(), "the zone without signatures")
            equal(serial(d.port), 101, "serial")
            equal([records(ask(d.port, full(n), t).answer) for n, t in (("@", "DNSKEY"), ("@", "NSEC"))],
                  [set(), set()], "DNSKEY and NSEC")
            write(d.conf, conf)
            d.process.send_signal(signal.SIGHUP)
            until(signed, "the zone with signatures")
            equal(serial(d.port), 102, "serial")
            again = records(ask(d.port, full("@"), "DNSKEY").answer)
            equal({k for k in again if k[1] == "DNSKEY" and not k[2].startswith("dnskey")},
                  {k for k in keys if k[1] == "DNSKEY" and not k[2].startswith("dnskey")}, "keys")


@test("without DO there are no signatures and no proofs")
def _():
    need()
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        path = write(f"{folder}/zone", ZONE)
        with Dnsd(f"{folder}/l", [Zone(ORIGIN, file=path, more="dnssec {\n}")]) as d:
            for name, rtype in itertools.product(NAMES, TYPES):
                if rtype in ("DNSKEY", "NSEC"):
                    continue
                r = ask(d.port, full(name), rtype, do=False)
                found = {T.to_text(x.rdtype) for section in (r.answer, r.authority, r.additional) for x in section}
                equal(found & {"RRSIG", "NSEC", "NSEC3"}, set(), f"{name} {rtype}")


if __name__ == "__main__":
    sys.exit(main())
