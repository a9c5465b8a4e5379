#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-dnsd's balanced names, with real linnet-httpd servers on loopback addresses as members: turns,
weights, health, load, the nearest region by source and by EDNS client subnet; and services on protocol 253 found by
SVCB records, with linnet find and linnet run --discover."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
import mmdb
from harness import IPPROTO_LINNET, IPPROTO_MPTCP, MODULE, PATIENCE, Daemon, Skip, equal, has_protocol, helper, main, need, \
    program, temporary_folder, test, until
from linnet import Dnsd, available
from servers import Zone, free_port

try:
    import dns.edns
    import dns.flags
    import dns.message
    import dns.query
    import dns.rcode
    import dns.rdatatype
except ImportError:
    sys.exit(print("1..0 # SKIP python3-dnspython is not installed") or 4)

ZONE = """$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
www TXT "there"
alias CNAME www
* CNAME www
cut NS ns.cut
ns.cut A 192.0.2.54
"""
CHECK = 'check { kind = "http" port = %d path = "/health" interval = "50ms" timeout = "2s" rise = 2 fall = 3 %s }'


class Httpd(Daemon):
    """A member: linnet-httpd on one address, TCP and protocol 253 where it is."""

    def __init__(self, folder, address, port, transports="tcp"):
        root = os.path.join(folder, "site")
        os.makedirs(root, exist_ok=True)
        with open(os.path.join(root, "health"), "w", encoding="ascii") as f:
            f.write("good\n")
        conf = os.path.join(folder, f"{address}.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f'listen "{address}:{port}" {{ transports = "{transports}" }}\nhost "*" {{\n\troot = "{root}"\n'
                    '\tlocation "/" { files { } }\n\tlocation "/form" { form { } }\n\tlocation "/status" { status { } }\n}\n')
        self.address, self.number, self.busy = address, port, []
        super().__init__("linnet-httpd", "-c", conf, "--workers", "1", ports=())

    def load(self, n):
        """So many requests that are under way: their content is still to come."""
        for _ in range(n):
            s = socket.create_connection((self.address, self.number), PATIENCE)
            s.sendall(b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\n"
                      b"Content-Length: 10\r\n\r\n")
            self.busy.append(s)

    def relieve(self):
        while self.busy:
            self.busy.pop().close()


def stop(httpd):
    equal(httpd.end(signal.SIGTERM), 0, "exit status of linnet-httpd")


class Balanced(Dnsd):
    """linnet-dnsd with balanced names in example.test, and its metrics."""

    def __init__(self, folder, text, workers=1):
        self.page = free_port()
        with open(f"{folder}/example.test.zone", "w", encoding="ascii") as f:
            f.write(ZONE)
        super().__init__(f"{folder}/dnsd", [Zone("example.test", file=f"{folder}/example.test.zone")], workers=workers,
                         more=f'metrics-listen = {{"127.0.0.1:{self.page}"}}\n{text}')

    def ask(self, name="www.example.test", kind="A", subnet=None, source=None):
        options = [dns.edns.ECSOption(*subnet)] if subnet else []
        query = dns.message.make_query(name, kind, use_edns=0 if options else -1, options=options)
        return dns.query.udp(query, self.address, PATIENCE, self.port, source)

    def addresses(self, *args, **kw):
        """Those of the answer, in its order."""
        response = self.ask(*args, **kw)
        equal(response.rcode(), 0, "the response's code")
        return [r.address for rrset in response.answer for r in rrset if rrset.rdtype in (1, 28)]

    def turns(self, n, *args, **kw):
        """The last figures of the first address of so many answers."""
        return [int(re.split("[.:]", self.addresses(*args, **kw)[0])[-1]) for _ in range(n)]

    def metric(self, name, member, balanced="www.example.test."):
        """None: it is not shown."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/metrics", timeout=PATIENCE) as r:
            text = r.read().decode()
        m = re.search(rf'(?m)^linnet_dns_balance_member_{name}\{{name="{balanced}",member="{re.escape(member)}"\}} (\S+)$', text)
        return float(m[1]) if m else None

    def awaits(self, name, member, value):
        until(lambda: self.metric(name, member) == value, f"{name} of {member} to be {value}: {self.metric(name, member)}")


def balance(policy, members, more="", name="www.example.test"):
    """A section; members are texts, or pairs with their options."""
    pairs = [m if isinstance(m, tuple) else (m, "") for m in members]
    return (f'balance "{name}" {{\n\tpolicy = "{policy}"\n\t{more}\n'
            + "".join(f'\tmember "{address}" {{ {options} }}\n' for address, options in pairs) + "}\n")


@contextlib.contextmanager
def httpds(folder, *last, transports="tcp"):
    port = free_port()
    with contextlib.ExitStack() as stack:
        yield port, {n: stack.enter_context(Httpd(folder, f"127.0.0.{n}", port, transports)) for n in last}


def addresses(*last):
    return [f"127.0.0.{n}" for n in last]


@test("round robin: turns in order over all workers, each family with turns of its own, TTL")
def round_robin():
    with temporary_folder() as folder, \
         Balanced(folder, balance("round-robin", addresses(11, 12, 13) + ["fd00::21", "fd00::22"], 'ttl = "7s"'), workers=2) as d:
        equal(d.turns(7), [11, 12, 13, 11, 12, 13, 11], "A")
        equal(d.turns(3, kind="AAAA"), [21, 22, 21], "AAAA")
        equal(d.turns(2), [12, 13], "A again, where it was")
        response = d.ask()
        equal((len(response.answer), len(response.answer[0]), response.answer[0].ttl), (1, 1, 7), "one record and its TTL")
        assert response.flags & dns.flags.AA, "it is authoritative"
        equal(d.metric("answers_total", "127.0.0.12"), 3, "its turns were the second, fifth and eighth")


@test("several addresses in an answer: different ones, each first in its turn")
def several():
    with temporary_folder() as folder, Balanced(folder, balance("weighted", [
            ("127.0.0.11", "weight = 3"), "127.0.0.12", "127.0.0.13"], "answers = 2")) as d:
        # The turns are 11 12 11 13 11; with each answer comes the next one that is different.
        equal([[int(a.split(".")[-1]) for a in d.addresses()] for _ in range(5)],
              [[11, 12], [12, 11], [11, 13], [13, 11], [11, 12]], "answers")


@test("weighted: the smooth sequence of nginx, in order")
def weighted():
    with temporary_folder() as folder, Balanced(folder, balance("weighted", [
            ("127.0.0.11", "weight = 5"), "127.0.0.12", "127.0.0.13"])) as d:
        equal(d.turns(14), [11, 11, 12, 11, 13, 11, 11] * 2, "a a b a c a a, twice")


@test("the zone around it: other types, types that are not there, CNAME and wildcard to it, ANY")
def around():
    with temporary_folder() as folder, Balanced(folder, balance("round-robin", addresses(11, 12)) + balance(
            "round-robin", addresses(31, 32), name="only.example.test") + balance(
            "round-robin", addresses(41, 42), name="x.cut.example.test")) as d:
        equal([r.to_text() for r in d.ask(kind="TXT").answer[0]], ['"there"'], "TXT of the zone")
        for name, kind in (("www", "AAAA"), ("only", "AAAA"), ("only", "TXT"), ("only", "MX")):
            response = d.ask(f"{name}.example.test", kind)
            equal((response.rcode(), len(response.answer), [r.rdtype for r in response.authority]), (0, 0, [dns.rdatatype.SOA]),
                  f"{name} {kind}: the name is there, the type is not")
        equal(d.turns(3), [11, 12, 11], "www")
        # An alias is never answered from the prepared answers: turns go on.
        for name in ("alias", "alias", "some.thing"):
            response = d.ask(f"{name}.example.test")
            equal([r.rdtype for r in response.answer], [5, 1], f"{name}: CNAME and A")
        equal(d.metric("answers_total", "127.0.0.11") + d.metric("answers_total", "127.0.0.12"), 6, "six answers")
        equal(d.metric("answers_total", "127.0.0.12"), 3, "shared evenly")
        equal([r.rdtype for r in d.ask("only.example.test", "ANY").answer], [1], "ANY: one type")
        response = d.ask("x.cut.example.test")
        equal((len(response.answer), response.authority[0].rdtype), (0, 2), "below a cut: a referral")
        assert d.has(r"balance x\.cut\.example\.test\.: the zone example\.test\. answers instead: it is delegated"), "a warning"


@test("a dead member is left out after `fall` checks and comes back after `rise`, turns stay exact")
def health():
    with temporary_folder() as folder, httpds(folder, 11, 12, 13) as (port, servers), \
         Balanced(folder, balance("round-robin", addresses(11, 12, 13), CHECK % (port, ""))) as d:
        for n in servers:
            until(lambda n=n: d.metric("checks_good_total", f"127.0.0.{n}") > 0, f"a check of {n}")
        equal(sorted(d.turns(3)), [11, 12, 13], "all are up")
        stop(servers[12])
        d.awaits("up", "127.0.0.12", 0)
        failed = d.metric("checks_failed_total", "127.0.0.12")
        assert failed >= 3, f"down after {failed} failed checks: at least 3"
        equal(sorted(d.turns(4)), [11, 11, 13, 13], "without the dead one")
        assert d.has(r"balance www\.example\.test\.: member 127\.0\.0\.12 is down: port \d+ \(tcp\): Connection refused"), \
            "why it is down"
        good = d.metric("checks_good_total", "127.0.0.12")
        with Httpd(folder, "127.0.0.12", port):
            d.awaits("up", "127.0.0.12", 1)
            assert d.metric("checks_good_total", "127.0.0.12") >= good + 2, "up after two good checks"
            equal(sorted(d.turns(6)), [11, 11, 12, 12, 13, 13], "it is back")
            equal(d.metric("changes_total", "127.0.0.12"), 2, "down and up")


class Counter:
    """A member of few words: answers so many checks with 200, then with 503, and counts."""

    def __init__(self, good, after=b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"):
        self.left, self.after, self.bad = good, after, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]

    def serve(self, n):
        """The next n checks."""
        for _ in range(n):
            s = self.socket.accept()[0]
            with s:
                s.settimeout(PATIENCE)
                data = b""
                while b"\r\n\r\n" not in data:
                    data += s.recv(4096)
                if self.left:
                    self.left -= 1
                    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                else:
                    self.bad += 1
                    s.sendall(self.after)
        return data


@test("exactly `fall` bad responses take a member out, exactly `rise` good ones bring it back")
def exact():
    with temporary_folder() as folder:
        c = Counter(2)
        text = balance("round-robin", ["127.0.0.1", "127.0.0.99"], CHECK % (c.port, 'host = "shop.test"'))
        with c.socket, Balanced(folder, text.replace("50ms", "200ms")) as d:
            request = c.serve(2)
            assert b"\r\nHost: shop.test\r\n" in request and request.startswith(b"GET /health HTTP/1.1\r\n"), request
            c.serve(2)
            d.awaits("checks_failed_total", "127.0.0.1", 2)
            equal(d.metric("up", "127.0.0.1"), 1, "up after two")
            c.serve(1)
            d.awaits("checks_failed_total", "127.0.0.1", 3)
            equal(d.metric("up", "127.0.0.1"), 0, "down after three")
            assert d.has("member 127.0.0.1 is down: .*status 503"), "why"
            c.left = 2
            c.serve(1)
            d.awaits("checks_good_total", "127.0.0.1", 3)
            equal(d.metric("up", "127.0.0.1"), 0, "still down after one good")
            c.serve(1)
            d.awaits("checks_good_total", "127.0.0.1", 4)
            equal(d.metric("up", "127.0.0.1"), 1, "up after two good")


@test("checks of hostile members: garbage, no end, endless, silence: failed, and the next goes on")
def hostile_checks():
    for after, why in ((b"SSH-2.0-OpenSSH\r\n", "not HTTP"), (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "breaks off"),
                       (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 400000, "too long"), (b"", "breaks off")):
        with temporary_folder() as folder:
            c = Counter(0, after)
            with c.socket, Balanced(folder, balance("round-robin", ["127.0.0.1", "127.0.0.99"],
                                                    CHECK % (c.port, ""))) as d:
                with contextlib.suppress(ConnectionError):
                    c.serve(1)
                until(lambda: d.has(f"member 127.0.0.1 is down: .*{why}"), f"{why!r} in the log")
                equal(d.metric("up", "127.0.0.1"), 0, "the first check alone decides")


@test("all down: all are answered, or nobody with SERVFAIL, or the backup that is up")
def all_down():
    dead = free_port()
    check = f'check {{ port = {dead} interval = "50ms" fall = 1 }}'
    with temporary_folder() as folder, Balanced(
            folder, balance("round-robin", addresses(11, 12), check) +
            balance("round-robin", addresses(11, 12), f'{check} all-down = "none"', "none.example.test") +
            balance("round-robin", ["127.0.0.11", ("127.0.0.12", "backup = yes")], check, "back.example.test")) as d:
        for name in ("www", "none", "back"):
            for n in (11, 12):
                until(lambda: d.metric("up", f"127.0.0.{n}", f"{name}.example.test.") == 0, f"{name}: {n} to be down")
        equal(sorted(d.turns(4)), [11, 11, 12, 12], "all")
        equal(d.ask("none.example.test").rcode(), dns.rcode.SERVFAIL, "none")
        equal(d.turns(2, "back.example.test"), [11, 11], "no backup that is up: as if all were, but no backup")
        with socket.create_server(("127.0.0.12", dead)):
            until(lambda: d.metric("up", "127.0.0.12", "back.example.test.") == 1, "the backup to be up")
            equal(d.turns(2, "back.example.test"), [12, 12], "the backup")
            with socket.create_server(("127.0.0.11", dead)):
                until(lambda: d.metric("up", "127.0.0.11", "back.example.test.") == 1, "the first to be up")
                equal(d.turns(2, "back.example.test"), [11, 11], "the first alone again")


@test("least load: the idle server, read from linnet-httpd's metrics; a dead one is left out")
def least_load():
    with temporary_folder() as folder, httpds(folder, 11, 12) as (port, servers), Balanced(folder, balance(
            "least-load", addresses(11, 12), CHECK % (port, "") + f' load {{ port = {port} path = "/status" }}')) as d:
        # The request that asks is itself under way.
        for n in (11, 12):
            d.awaits("load", f"127.0.0.{n}", 1)
        servers[11].load(20)
        d.awaits("load", "127.0.0.11", 21)
        equal(d.turns(10), [12] * 10, "the idle one, until its load is near the other's")
        servers[12].load(60)
        d.awaits("load", "127.0.0.12", 61)
        equal(d.turns(10), [11] * 10, "now the other")
        stop_busy = servers[11]
        stop_busy.relieve()
        stop(stop_busy)
        d.awaits("up", "127.0.0.11", 0)
        equal(d.turns(3), [12] * 3, "the dead one is left out, though it was idle")
        servers[12].relieve()


REGIONS = """
	region "north" { networks = {"127.0.0.64/26"} codes = {"SE", "FI"} fallback = {"south"} }
	region "south" { networks = {"127.0.0.128/26"} codes = {"IT"} fallback = {"west", "north"} }
	region "west"  { networks = {"127.0.0.192/26"} codes = {"US"} }
"""


def places(north, south, west):
    return [(f"127.0.0.{n}", f'region = "{region}"')
            for region, list_ in (("north", north), ("south", south), ("west", west)) for n in list_]


@test("nearest by the source address; a region that is down falls back in its order")
def nearest():
    with temporary_folder() as folder, httpds(folder, 11, 12, 13) as (port, servers), Balanced(folder, balance(
            "nearest", places([11], [12], [13]), CHECK % (port, "") + re.sub(r"codes = \{.*?\}", "", REGIONS))) as d:
        for n in servers:
            until(lambda n=n: d.metric("checks_good_total", f"127.0.0.{n}") > 0, f"a check of {n}")
        for source, n in (("127.0.0.70", 11), ("127.0.0.130", 12), ("127.0.0.200", 13)):
            equal(d.turns(3, source=source), [n] * 3, f"from {source}")
        equal(sorted(d.turns(3)), [11, 12, 13], "from nowhere in particular")
        stop(servers[12])
        d.awaits("up", "127.0.0.12", 0)
        equal(d.turns(2, source="127.0.0.130"), [13, 13], "south is down: west")
        equal(d.turns(2, source="127.0.0.70"), [11, 11], "north as before")
        stop(servers[13])
        d.awaits("up", "127.0.0.13", 0)
        equal(d.turns(2, source="127.0.0.130"), [11, 11], "west too: north")
        equal(d.turns(2, source="127.0.0.200"), [11, 11], "west without a fall-back: whoever is left")


def dig(d, *words):
    try:
        out = subprocess.run(["dig", "-p", str(d.port), f"@{d.address}", "+tries=1", "www.example.test", "A", *words],
                             capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except FileNotFoundError:
        raise Skip("dig is not installed (bind9-dnsutils)") from None
    subnet = re.search(r"; CLIENT-SUBNET: (\S+)", out)
    answer = re.findall(r"(?m)^www\.example\.test\.\s+\d+\s+IN\s+A\s+(\S+)$", out)
    return [int(a.split(".")[-1]) for a in answer], subnet[1] if subnet else None


@test("nearest by EDNS client subnet and mmdb (dig +subnet): the region, and the scope that caches may use")
def client_subnet():
    with temporary_folder() as folder:
        mmdb.write(f"{folder}/test.mmdb", {
            "198.51.100.0/24": {"country": {"iso_code": "SE"}}, "198.51.100.128/25": {"country": {"iso_code": "IT"}},
            "203.0.113.0/24": {"country": {"iso_code": "US"}}, "2001:db8::/32": {"country": {"iso_code": "IT"}},
            "192.0.2.0/24": {"country": {"iso_code": "ZZ"}}})
        with Balanced(folder, balance("nearest", places([11], [12], [13]),
                                      REGIONS + f'database = "{folder}/test.mmdb" default-region = "west"')) as d:
            equal(dig(d, "+subnet=198.51.100.5/32"), ([11], "198.51.100.5/32/25"), "SE, cut by the /25 beside it")
            equal(dig(d, "+subnet=198.51.100.200/32"), ([12], "198.51.100.200/32/25"), "IT")
            # A /24 does not tell which half; the scope says that more bits would.
            equal(dig(d, "+subnet=198.51.100.0/24"), ([11], "198.51.100.0/24/25"), "a subnet of both")
            equal(dig(d, "+subnet=203.0.113.0/24"), ([13], "203.0.113.0/24/24"), "US")
            equal(dig(d, "+subnet=2001:db8:1::/48"), ([12], "2001:db8:1::/48/32"), "IPv6")
            equal(dig(d, "+subnet=192.0.2.0/24"), ([13], "192.0.2.0/24/24"), "a code of no region: the default")
            equal(dig(d, "+subnet=127.0.0.70/32"), ([11], "127.0.0.70/32/26"), "networks go before the file")
            # 127.0.0.0/9 is in none; it takes 26 bits to know that for all of them.
            equal(dig(d, "+subnet=127.0.0.1/32"), ([13], "127.0.0.1/32/26"), "beside the networks")
            # /0: the client does not want to be known: the source's region, and the answer is for all.
            equal(dig(d, "+subnet=0.0.0.0/0", "-b", "127.0.0.130"), ([12], "0.0.0.0/0/0"), "privacy")
            equal(dig(d, "+nosubnet", "-b", "127.0.0.130"), ([12], None), "no subnet asked, none told")
    with temporary_folder() as folder, Balanced(folder, balance("round-robin", addresses(11, 12))) as d:
        equal(dig(d, "+subnet=198.51.100.0/24")[1], "198.51.100.0/24/0", "round robin: the same for all")


@test("reload: who is down stays down, turns go on with new members; a bad file changes nothing")
def reload():
    dead = free_port()
    check = f'check {{ port = {dead} interval = "100ms" fall = 1 }}'
    with temporary_folder() as folder, socket.create_server(("127.0.0.11", dead)), socket.create_server(("127.0.0.13", dead)), \
         Balanced(folder, balance("round-robin", addresses(11, 12), check)) as d:
        d.awaits("up", "127.0.0.12", 0)
        equal(d.turns(2), [11, 11], "the one that is up")
        with open(d.conf, encoding="ascii") as f:
            text = f.read()

        def change(new):
            with open(d.conf, "w", encoding="ascii") as f:
                f.write(new)
            d.process.send_signal(signal.SIGHUP)
        change(text.replace("round-robin", "by-moon"))
        until(lambda: d.has("policy = 'by-moon': allowed are round-robin, weighted, least-load and nearest"), "an error line")
        equal(d.turns(2), [11, 11], "as before")
        change(text.replace('member "127.0.0.12"', 'member "127.0.0.13" { }\n\tmember "127.0.0.12"'))
        until(lambda: 13 in d.turns(2), "the new member")
        equal(sorted(d.turns(4)), [11, 11, 13, 13], "the dead one is still left out")
        until(lambda: d.metric("checks_good_total", "127.0.0.13"), "a check of the new member")
        with socket.create_server(("127.0.0.12", dead)):
            d.awaits("up", "127.0.0.12", 1)


@test("kill -9 of the keeper: the next one goes on with the states, and checks")
def kill_keeper():
    dead = free_port()
    with temporary_folder() as folder, socket.create_server(("127.0.0.11", dead)), Balanced(folder, balance(
            "round-robin", addresses(11, 12), f'check {{ port = {dead} interval = "50ms" fall = 1 rise = 1 }}')) as d:
        d.awaits("up", "127.0.0.12", 0)
        with open("/proc/net/unix", encoding="ascii") as f:
            control = [f"socket:[{line.split()[6]}]" for line in f if line.rstrip().endswith(f"{d.folder}/state/control.socket")]

        def has_control(pid):
            try:
                return any(os.readlink(f"/proc/{pid}/fd/{fd}") in control for fd in os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                return False
        keepers = [pid for pid in d.processes()[1:] if has_control(pid)]
        equal(len(keepers), 1, "processes with the keeper's socket")
        os.kill(keepers[0], signal.SIGKILL)
        equal(d.turns(2), [11, 11], "answered meanwhile as before")
        with socket.create_server(("127.0.0.12", dead)):
            d.awaits("up", "127.0.0.12", 1)
            equal(sorted(d.turns(2)), [11, 12], "seen by the next keeper")


@test("members that speak protocol 253: checked and their load read over it")
def over_253():
    if not has_protocol(IPPROTO_LINNET):
        need(IPPROTO_LINNET)
    with temporary_folder() as folder, httpds(folder, 11, 12, transports="linnet") as (port, servers), Balanced(folder, balance(
            "least-load", addresses(11, 12), CHECK % (port, 'transport = "linnet"') +
            f' load {{ port = {port} transport = "linnet" }}')) as d:
        for n in (11, 12):
            d.awaits("load", f"127.0.0.{n}", 1)
        stop(servers[12])
        d.awaits("up", "127.0.0.12", 0)
        equal(d.turns(3), [11] * 3, "the one that is up")


WRONG = [
    ('member "host.test" { }', "member 'host.test': allowed are numeric addresses"),
    ('member "192.0.2.1" { weight = 2 }', "the policy round-robin knows no weight"),
    ('policy = "weighted" member "192.0.2.1" { weight = 101 }', "weight = 101: allowed is a number from 1 to 100"),
    ('member "192.0.2.1" { } member "192.0.2.1" { }', "192.0.2.1"),
    ('member "fd00::1" { } member "fd00:0::1" { }', "member 'fd00:0::1': it is there already"),
    ("", "0 members; allowed are 1 to 64"),
    ('policy = "nearest" member "192.0.2.1" { }', "the policy nearest needs 1 to 32"),
    ('policy = "nearest" region "a" { networks = {"192.0.2.1/24"} } member "192.0.2.1" { region = "a" }',
     "networks: '192.0.2.1/24': allowed are networks with no bits set after the prefix"),
    ('policy = "nearest" region "a" { fallback = {"b"} } member "192.0.2.1" { region = "a" }',
     "fallback: 'b' is the name of no section region"),
    ('policy = "nearest" region "a" { } member "192.0.2.1" { }', "the policy nearest needs its region"),
    ('policy = "nearest" database = "no.mmdb" region "a" { } member "192.0.2.1" { region = "a" }', "no.mmdb': No such file"),
    ('policy = "least-load" member "192.0.2.1" { }', "the policy least-load needs a section load"),
    ('policy = "least-load" load { metric = "a b" } member "192.0.2.1" { }', "metric = 'a b': allowed is"),
    ('check { status = "20" } member "192.0.2.1" { }', "status = '20': allowed are 100 to 599"),
    ('check { path = "a" } member "192.0.2.1" { }', "a path begins with /"),
    ('check { interval = "1ms" } member "192.0.2.1" { }', "interval = '1ms': allowed is a time from 50ms"),
    ('all-down = "some" member "192.0.2.1" { }', "all-down = 'some': allowed are all and none"),
]


@test("configurations that are wrong: the line, what is wrong, what is allowed")
def wrong():
    available()
    with temporary_folder() as folder:
        os.mkdir(f"{folder}/state")
        with open(f"{folder}/z", "w", encoding="ascii") as f:
            f.write(ZONE)
        sections = [(f'balance "www.example.test" {{ {text} }}', words) for text, words in WRONG]
        good = 'member "192.0.2.1" { }'
        sections += [(f'balance "www.other.test" {{ {good} }}', "it is in none of the configured zones"),
                     (f'balance "*.example.test" {{ {good} }}', "a wildcard cannot be balanced"),
                     (f'balance "a.example.test" {{ {good} }}\nbalance "A.example.test." {{ {good} }}', "a second section"),
                     (f'balance "{"a" * 64}.example.test" {{ {good} }}', "64 octets: at most 63"),
                     (f'zone "signed.test" {{ file = "z" dnssec {{ }} }}\nbalance "a.signed.test" {{ {good} }}',
                      "is signed here")]
        for text, words in sections:
            with open(f"{folder}/conf", "w", encoding="ascii") as f:
                f.write(f'listen = {{"127.0.0.1:{free_port()}"}}\nstate-directory = "{folder}/state"\n'
                        f'zone "example.test" {{ file = "z" }}\n{text}\n')
            p = subprocess.run([program("linnet-dnsd"), "-c", f"{folder}/conf", "--check"], capture_output=True, text=True,
                               timeout=PATIENCE, check=False)
            assert p.returncode and words in p.stderr and re.search(rf"{folder}/conf:\d+: ", p.stderr), \
                f"{text}: {p.returncode}: {p.stderr}"


@test("a zone that became signed elsewhere: its own records are answered, and the log says so")
def signed():
    with temporary_folder() as folder, Balanced(folder, balance("round-robin", addresses(11, 12))) as d:
        equal(d.turns(2), [11, 12], "not signed yet")
        with open(f"{folder}/example.test.zone", "w", encoding="ascii") as f:
            f.write(ZONE.replace(" 1 3600", " 2 3600") + "www A 192.0.2.80\n"
                    "@ DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n")
        d.process.send_signal(signal.SIGHUP)
        until(lambda: d.addresses() == ["192.0.2.80"], "the zone's own address")
        until(lambda: d.has("balance www.example.test.: the zone example.test. answers instead: the zone is signed"), "a warning")


# --- finding services on 253 ---

SERVICES = """$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
host A 127.0.0.11
_@PORT@._linnet.host SVCB 1 host key65533
_@PORT@._linnet.other SVCB 5 nohost key65533=\\000\\007
_@PORT@._linnet.other SVCB 1 host port=@PORT@ key65533=@ESCAPED@
_@PORT@._linnet.alias SVCB 0 _@PORT@._linnet.host
_@PORT@._linnet.moved SVCB 1 host key65533
moved A 127.0.0.12
_@PORT@._linnet.away SVCB 1 host key65533=@AWAY@
_@PORT@._linnet.only SVCB 1 host mandatory=key65533 key65533
_@PORT@._linnet.ours SVCB 1 host mandatory=key65280 key65280=a key65533
_@PORT@._linnet.tcp SVCB 1 host port=@PORT@
_@PORT@._linnet.broken TYPE64 \\# 8 0001 00 fffd 0001 07
_@PORT@._linnet.zero TYPE64 \\# 9 0001 00 fffd 0002 0000
_@PORT@._linnet.order TYPE64 \\# 13 0001 00 fffd 0000 0003 0002 0050
_@PORT@._linnet.loop SVCB 0 _@PORT@._linnet.loop
_@PORT@._https.web HTTPS 1 host alpn=h2 key65533
"""


def finder():
    """The command that works here, and its protocol (userspace/test_run.py has the same)."""
    if MODULE:
        return program("linnet"), IPPROTO_LINNET
    if has_protocol(IPPROTO_MPTCP):
        return helper("linnet-standin"), IPPROTO_MPTCP
    raise Skip("neither the module is loaded nor is there a protocol to stand in")


def escaped(port):
    return f"\\{port >> 8:03d}\\{port & 255:03d}"


@contextlib.contextmanager
def services():
    """linnet-dnsd with SERVICES, a port where host may listen, and the command."""
    linnet, protocol = finder()
    port = free_port()
    extra, v6 = "", free_port()
    with socket.socket(socket.AF_INET6) as s:
        try:
            s.bind(("::1", v6))
            extra = f'listen += {{"[::1]:{v6}"}}\n'
        except OSError:
            print("# no ::1 here: a name server of IPv6 is not tried")
    text = SERVICES.replace("@PORT@", str(port)).replace("@ESCAPED@", escaped(port)).replace("@AWAY@", escaped(port ^ 1))
    with temporary_folder() as folder:
        with open(f"{folder}/svc.test.zone", "w", encoding="ascii") as f:
            f.write(text)
        with Dnsd(f"{folder}/dnsd", [Zone("svc.test", file=f"{folder}/svc.test.zone")], more=extra) as d:
            server = f"127.0.0.1:{d.port}"
            d.server_v6 = f"[::1]:{v6}" if extra else None

            def find(name, where=port, server=server):
                return subprocess.run([linnet, "find", "--server", server, f"{name}.svc.test:{where}"], capture_output=True,
                                      text=True, timeout=PATIENCE, check=False)

            def run(name, *options):
                code = "import socket as s; print(s.socket().getsockopt(s.SOL_SOCKET, s.SO_PROTOCOL))"
                return subprocess.run([linnet, "run", *options, "--server", server, "--discover", f"{name}.svc.test:{port}",
                                       "--", sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE,
                                      check=False)
            yield d, port, protocol, find, run


def listener(port, protocol):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.11", port))
    s.listen()
    return s


@test("key65533 in zone files and in kdig: wire form, empty value, port, mandatory")
def key_forms():
    with services() as (d, port, _, _, _):
        def ask(name):
            response = dns.query.udp(dns.message.make_query(f"_{port}._linnet.{name}.svc.test", "SVCB"), "127.0.0.1", PATIENCE,
                                     d.port)
            return sorted(r.to_wire().hex() for r in response.answer[0])
        host = b"\4host\3svc\4test\0".hex()
        equal(ask("host"), [f"0001{host}fffd0000"], "no value: the port of TCP")
        equal(ask("other")[0], f"0001{host}00030002{port:04x}fffd0002{port:04x}", "a port")
        equal(ask("only"), [f"0001{host}00000002fffdfffd0000"], "mandatory")
        try:
            out = subprocess.run(["kdig", "-p", str(d.port), "@127.0.0.1", f"_{port}._linnet.host.svc.test", "SVCB", "+short"],
                                 capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
        except FileNotFoundError:
            raise Skip("kdig is not installed (knot-dnsutils)") from None
        equal(out, "1 host.svc.test. key65533\n", "kdig")


@test("linnet find: what is announced, whether it answers, what is to be ignored, what is malformed")
def find_services():
    with services() as (d, port, protocol, find, _):
        p = find("host")
        equal((p.returncode, p.stderr), (1, ""), f"announced, nobody there: {p.stdout}")
        assert f"SVCB 1 host.svc.test: TCP port {port}, protocol 253 port {port}\n" in p.stdout, p.stdout
        assert f"  127.0.0.11 port {port} protocol 253: Connection refused\n" in p.stdout, p.stdout
        with listener(port, protocol):
            for name in ("host", "alias", "only", "other"):
                p = find(name)
                equal((p.returncode, p.stderr), (0, ""), f"{name}: {p.stdout}")
                assert re.search(rf"  127\.0\.0\.11 port {port} protocol 253: answers after \d+\.\d ms\n", p.stdout), p.stdout
            assert p.stdout.index("SVCB 1 host") < p.stdout.index("SVCB 5 nohost"), "the best first"
            assert "protocol 253 port 7\n  nohost.svc.test has no address" in p.stdout, p.stdout
            equal(find("web").returncode, 0, "an HTTPS record")
            for name in ("tcp", "ours", "loop", "nothing"):
                p = find(name)
                equal((p.returncode, p.stderr), (1, ""), f"{name}: {p.stdout}")
                assert "no record announces protocol 253" in p.stdout, p.stdout
            for name in ("broken", "zero", "order"):
                p = find(name)
                equal(p.returncode, 3, f"{name}: {p.stdout}")
                assert "the records are malformed" in p.stderr, p.stderr
            if d.server_v6:
                p = find("host", server=d.server_v6)
                equal((p.returncode, p.stderr), (0, ""), f"asked by IPv6: {p.stdout}")
        for wrong_port in ("0", "65536", "x"):
            equal(find("host", wrong_port).returncode, 2, f"port {wrong_port}")
        for server in ("ns.test", "127.0.0.1:0", "[::1", "[::1]x", "[::1]:0", "::1]:53", "[127.0.0.1]:53", ""):
            p = find("host", server=server)
            equal(p.returncode, 2, f"server {server}")
            assert "--server: allowed is an address" in p.stderr, p.stderr


@test("linnet run --discover: protocol 253 when announced and answered, else TCP, or refused with --strict")
def run_discover():
    with services() as (_, port, protocol, _, run):
        def check(name, used, words, *options):
            p = run(name, *options)
            equal((p.returncode, p.stdout.strip()), (125, "") if used is None else (0, str(used)), f"{name}: {p.stderr}")
            assert words in p.stderr and len(p.stderr.splitlines()) == 1, p.stderr
        check("host", socket.IPPROTO_TCP, "host.svc.test announces protocol 253 but does not answer (Connection refused): "
              "using TCP")
        check("host", None, "--strict forbids TCP", "--strict")
        with listener(port, protocol):
            check("host", protocol, f"host.svc.test announces protocol 253 and answers on port {port}: using it")
            check("host", protocol, "using it", "--strict")
            # The program connects to the name, not to the host that the record leads to.
            check("moved", socket.IPPROTO_TCP, "moved.svc.test announces protocol 253 but does not answer (Connection refused): "
                  "using TCP")
            check("away", socket.IPPROTO_TCP, f"speaks protocol 253 on port {port ^ 1}, not on {port}: using TCP")
            check("tcp", socket.IPPROTO_TCP, "no record of tcp.svc.test announces protocol 253: using TCP")
            check("broken", socket.IPPROTO_TCP, "the records are malformed: using TCP")


if __name__ == "__main__":
    main()
