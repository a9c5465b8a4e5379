#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-dnsd with the clients that people have: kdig, dig, drill, host, delv, dnsperf, dnspython
and the C library's resolver; what goes by streams also by "linnet run"."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
from clients import LIGHT, Way, each_way, need_program, ways
from harness import MODULE, PATIENCE, Skip, equal, main, temporary_folder, test, until
from linnet import Dnsd
from servers import Zone

ZONE = """$TTL 300
@	SOA ns hostmaster 2026112601 3600 600 86400 60
@	NS ns
@	MX 10 mail
ns	A 192.0.2.53
www	A 192.0.2.80
www	A 192.0.2.81
www	AAAA 2001:db8::80
alias	CNAME www
mail	A 192.0.2.25
text	TXT "a text" "and another"
_http._tcp SRV 0 5 80 www
svc	HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.80
""" + "".join(f"big\tTXT {'x' * 100}{i:02}\n" for i in range(60))
REVERSE = """$TTL 300
@	SOA ns.clients.test. hostmaster.clients.test. 1 3600 600 86400 60
@	NS ns.clients.test.
80	PTR www.clients.test.
"""
UDP = Way("UDP", "udp")


def on_host(name):
    """A test that no stream of protocol 253 is in: a guest need not repeat it."""
    return (lambda function: function) if LIGHT else test(name)


class Server(Dnsd):
    """The daemon with two zones."""

    def __init__(self, folder=None, **kw):
        self.temporary = None if folder else temporary_folder()
        folder = folder or self.temporary.name
        zones = []
        for name, text in (("clients.test", ZONE), ("2.0.192.in-addr.arpa", REVERSE)):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            zones.append(Zone(name, file=path))
        super().__init__(os.path.join(folder, "dnsd"), zones, log_level="debug", **kw)

    def carried(self, way):
        """The streams came on the transport that was meant, and there were some."""
        found = until(lambda: {m[1] for line in list(self.lines) if (m := re.search(r"connected \((\w+)\)", line))},
                      "a line about a connection")
        equal(found, {way.transport}, "transports of the connections")

    def __exit__(self, *exc):
        super().__exit__(*exc)
        if self.temporary:
            self.temporary.cleanup()


def lines(done):
    return [line for line in done.stdout.decode().splitlines() if line and not line.startswith(";")]


def records(done):
    """Records of an answer, blanks folded."""
    return sorted(re.sub(r"\s+", " ", line) for line in lines(done))


ADDRESSES = ["www.clients.test. 300 IN A 192.0.2.80", "www.clients.test. 300 IN A 192.0.2.81"]
ALIAS = sorted(["alias.clients.test. 300 IN CNAME www.clients.test.", *ADDRESSES])


def dig_and_kdig(d, way, program, *stream):
    at = (program, *stream, "@127.0.0.1", "-p", str(d.port))
    plain = ("+noall", "+answer")
    equal(records(way.run(*at, *plain, "www.clients.test", "A")), ADDRESSES, program)
    equal(records(way.run(*at, *plain, "alias.clients.test", "A")), ALIAS, program)
    equal(lines(way.run(*at, "+short", "www.clients.test", "AAAA")), ["2001:db8::80"], program)
    equal(lines(way.run(*at, "+short", "-x", "192.0.2.80")), ["www.clients.test."], program)
    equal(lines(way.run(*at, "+short", "text.clients.test", "TXT")), ['"a text" "and another"'], program)
    equal(lines(way.run(*at, "+short", "_http._tcp.clients.test", "SRV")), ["0 5 80 www.clients.test."], program)
    equal(lines(way.run(*at, "+short", "svc.clients.test", "TYPE65"))[0][:4] in ("1 . ", "\\# 2"), True, program)
    # More than a datagram holds: clients come again by TCP
    equal(len(lines(way.run(*at, "+short", "big.clients.test", "TXT"))), 60, "truncated, then by a stream")
    text = way.run(*at, "nothing.clients.test", "A").stdout.decode()
    equal("NXDOMAIN" in text and "SOA" in text, True, text)
    text = way.run(*at, "www.clients.test", "MX").stdout.decode()
    equal("NOERROR" in text and "SOA" in text, True, text)
    text = way.run(*at, "www.elsewhere.test", "A").stdout.decode()
    equal("REFUSED" in text, True, text)


@on_host("dig by UDP, then by TCP what is too long")
def _():
    with Server() as d:
        dig_and_kdig(d, UDP, "dig")
        for options, word in ((("+dnssec",), "flags: do"), (("+bufsize=4096",), "NOERROR"),
                              (("+noedns",), "NOERROR"), (("+cookie",), "(good)"), (("+edns=1", "+noednsneg"), "BADVERS"),
                              (("+ednsopt=65001:abcd",), "NOERROR"), (("+ednsflags=0x4000",), "NOERROR"),
                              (("+opcode=15",), "NOTIMP"), (("+subnet=192.0.2.0/24",), "NOERROR")):
            done = UDP.run("dig", "@127.0.0.1", "-p", str(d.port), *options, "www.clients.test", "A")
            equal(word in done.stdout.decode(), True, f"{options}: {done.stdout.decode()}")


@on_host("dig: NSID, and the names of class CH")
def _():
    with Server(more='nsid = "nsid-text"\nidentity = "identity-text"\nversion = "version-text"') as d:
        at = ("dig", "@127.0.0.1", "-p", str(d.port))
        equal('"nsid-text"' in UDP.run(*at, "+nsid", "www.clients.test", "A").stdout.decode(), True, "NSID")
        for name, text in (("id.server", "identity-text"), ("hostname.bind", "identity-text"),
                           ("version.bind", "version-text")):
            equal(lines(UDP.run(*at, "+short", "CH", "TXT", name)), [f'"{text}"'], name)


@each_way("dig by a stream, one connection for several queries")
def _(way):
    if way.launcher and not MODULE:
        raise Skip("dig wants TCP_USER_TIMEOUT, which Linnet has and Multipath TCP, which stands in for it, has not")
    with Server() as d:
        dig_and_kdig(d, way, "dig", "+tcp")
        done = way.run("dig", "+tcp", "+keepopen", "+short", "@127.0.0.1", "-p", str(d.port), "www.clients.test", "AAAA",
                       "mail.clients.test", "A", "ns.clients.test", "A")
        equal(lines(done), ["2001:db8::80", "192.0.2.25", "192.0.2.53"], "three answers")
        d.carried(way)


@on_host("kdig by UDP")
def _():
    with Server() as d:
        dig_and_kdig(d, UDP, "kdig")


@each_way("kdig by a stream, several queries, kept open")
def _(way):
    with Server() as d:
        dig_and_kdig(d, way, "kdig", "+tcp")
        done = way.run("kdig", "+tcp", "+keepopen", "+short", "@127.0.0.1", "-p", str(d.port), "mail.clients.test", "A",
                       "ns.clients.test", "A")
        equal(lines(done), ["192.0.2.25", "192.0.2.53"], "two answers")
        d.carried(way)


@each_way("kdig by TLS: opportunistic, and with the certificate checked")
def _(way):
    with Server(tls=True) as d:
        at = ("@127.0.0.1", "-p", str(d.tls_port))
        equal(records(way.run("kdig", "+tls", *at, "+noall", "+answer", "alias.clients.test", "A")), ALIAS, "opportunistic")
        strict = ("kdig", f"+tls-ca={d.certificate}", "+tls-hostname=dns.test", *at, "+short")
        equal(lines(way.run(*strict, "www.clients.test", "AAAA")), ["2001:db8::80"], "strict")
        equal(len(lines(way.run(*strict, "big.clients.test", "TXT"))), 60, "large")
        done = way.run("kdig", "+tls", *at, "+tls-ca", "+tls-hostname=dns.test", "+retry=0", "www.clients.test", "A", status=1)
        equal(lines(done), [], "a certificate that nobody knows")
        d.carried(way)


@on_host("drill by UDP and TCP")
def _():
    with Server() as d:
        for stream in ((), ("-t",)):
            at = ("drill", *stream, "-p", str(d.port))
            equal([x for x in records(UDP.run(*at, "www.clients.test", "@127.0.0.1", "A")) if "192.0.2.8" in x],
                  ADDRESSES, "A")
            text = UDP.run(*at, "-x", "192.0.2.80", "@127.0.0.1").stdout.decode()
            equal("www.clients.test." in text, True, text)
            text = UDP.run(*at, "nothing.clients.test", "@127.0.0.1").stdout.decode()
            equal("NXDOMAIN" in text, True, text)


@each_way("drill by a stream")
def _(way):
    with Server() as d:
        done = way.run("drill", "-t", "-p", str(d.port), "big.clients.test", "@127.0.0.1", "TXT")
        equal(done.stdout.decode().count("\tTXT\t"), 60, "records")
        d.carried(way)


@on_host("host: addresses, mail, reverse, all")
def _():
    with Server() as d:
        at = ("host", "-p", str(d.port))
        text = UDP.run(*at, "alias.clients.test", "127.0.0.1").stdout.decode()
        for part in ("alias.clients.test is an alias for www.clients.test.", "www.clients.test has address 192.0.2.80",
                     "www.clients.test has IPv6 address 2001:db8::80"):
            equal(part in text, True, text)
        text = UDP.run(*at, "clients.test", "127.0.0.1").stdout.decode()
        equal("clients.test mail is handled by 10 mail.clients.test." in text, True, text)
        text = UDP.run(*at, "192.0.2.80", "127.0.0.1").stdout.decode()
        equal("80.2.0.192.in-addr.arpa domain name pointer www.clients.test." in text, True, text)
        text = UDP.run(*at, "-T", "-t", "TXT", "big.clients.test", "127.0.0.1").stdout.decode()
        equal(text.count("descriptive text"), 60, "by TCP")
        UDP.run(*at, "nothing.clients.test", "127.0.0.1", status=1)


def dnsperf(way, port, mode, count, *more):
    """All of count queries are answered with NOERROR; returns what it says."""
    with temporary_folder() as folder:
        path = os.path.join(folder, "queries")
        with open(path, "w", encoding="ascii") as f:
            f.write("www.clients.test A\nalias.clients.test A\nmail.clients.test A\ntext.clients.test TXT\n" * (count // 4))
        text = way.run("dnsperf", "-s", "127.0.0.1", "-p", str(port), "-m", mode, "-d", path, "-n", "1", "-t",
                       str(int(PATIENCE)), *more).stdout.decode()
    m = re.search(r"Queries completed:\s+(\d+)", text)
    equal(m and int(m[1]), count // 4 * 4, text)
    equal("NOERROR" in text and "100.00%)" in text.split("Response codes")[1].splitlines()[0], True, text)
    return text


@on_host("dnsperf by UDP, with EDNS and DO")
def _():
    with Server() as d:
        dnsperf(UDP, d.port, "udp", 20_000, "-c", "4", "-q", "50")
        dnsperf(UDP, d.port, "udp", 4_000, "-D", "-q", "50")


@each_way("dnsperf by a stream and by TLS, many connections")
def _(way):
    with Server(tls=True) as d:
        count = 1_000 if LIGHT else 10_000
        dnsperf(way, d.port, "tcp", count, "-c", "20", "-q", "100")
        dnsperf(way, d.tls_port, "dot", count, "-c", "20", "-q", "100")
        d.carried(way)


PYTHON = """
import sys, ssl
import dns.message, dns.query, dns.rdatatype, dns.edns
port, tls_port, certificate = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
q = dns.message.make_query("alias.clients.test", "A", use_edns=0, want_dnssec=True)
for r in (dns.query.udp(q, "127.0.0.1", port=port, timeout=20), dns.query.tcp(q, "127.0.0.1", port=port, timeout=20),
          dns.query.tls(q, "127.0.0.1", port=tls_port, timeout=20, server_hostname="dns.test",
                        ssl_context=ssl.create_default_context(cafile=certificate))):
    print(sorted(str(rd) for rrset in r.answer for rd in rrset), r.rcode(), r.edns, bool(r.flags & 0x400))
q = dns.message.make_query("big.clients.test", "TXT")
r, by_tcp = dns.query.udp_with_fallback(q, "127.0.0.1", port=port, timeout=20)
print(len(r.answer[0]), by_tcp)
"""


@on_host("dnspython by UDP, TCP and TLS, and with its fall-back")
def _():
    need_program("/usr/bin/python3")
    if subprocess.run(["/usr/bin/python3", "-c", "import dns.message"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("python3-dnspython is not installed")
    with Server(tls=True) as d:
        done = UDP.run("/usr/bin/python3", "-c", PYTHON, str(d.port), str(d.tls_port), d.certificate)
        equal(done.stdout.decode().splitlines(),
              ["['192.0.2.80', '192.0.2.81', 'www.clients.test.'] 0 0 True"] * 3 + ["60 True"], "answers")


LOOKUPS = """
import socket, sys
def addresses(name, family=0):
    try:
        return sorted({a[4][0] for a in socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM)})
    except socket.gaierror as e:
        return e.errno == socket.EAI_NONAME and "none" or e.errno == socket.EAI_NODATA and "no data" or str(e)
print(addresses("www.clients.test", socket.AF_INET))
print(addresses("www.clients.test"))
print(addresses("alias", socket.AF_INET))
print(addresses("mail", socket.AF_INET6))
print(addresses("nothing.clients.test"))
print(socket.gethostbyaddr("192.0.2.80")[0])
"""


def inside():
    """In a mount and network namespace of its own: the daemon at port 53, and the C library told so."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        for name, texts in (("resolv.conf", ("nameserver 127.0.0.1\nsearch clients.test\n",)),
                            ("nsswitch.conf", ("hosts: dns\n",))):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="ascii") as f:
                f.writelines(texts)
            subprocess.run(["mount", "--bind", path, f"/etc/{name}"], check=True)
        with Server(folder, port=53):
            for options in ("", "options edns0", "options use-vc", "options single-request"):
                with open("/etc/resolv.conf", "w", encoding="ascii") as f:
                    f.write(f"nameserver 127.0.0.1\nsearch clients.test\n{options}\n")
                done = subprocess.run([sys.executable, "-c", LOOKUPS], capture_output=True, text=True, check=True,
                                      timeout=PATIENCE)
                equal(done.stdout.splitlines(), [
                    "['192.0.2.80', '192.0.2.81']", "['192.0.2.80', '192.0.2.81', '2001:db8::80']",
                    "['192.0.2.80', '192.0.2.81']", "no data", "none", "www.clients.test"], options or "as it is")


@test("getaddrinfo() and gethostbyaddr() of the C library, with EDNS, by TCP, one query at a time")
def _():
    words = ["unshare", "-mn"] if os.geteuid() == 0 else ["unshare", "-rmn"]
    need_program("unshare")
    need_program("ip")
    if subprocess.run([*words, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("no namespaces here")
    done = subprocess.run([*words, sys.executable, os.path.realpath(__file__), "--inside"], capture_output=True, text=True,
                          check=False, timeout=10 * PATIENCE)
    equal(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    if sys.argv[1:] == ["--inside"]:
        inside()
    else:
        assert ways()
        main()
