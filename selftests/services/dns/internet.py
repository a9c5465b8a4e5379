# SPDX-License-Identifier: GPL-2.0-or-later
"""
A little internet in a network namespace of its own: a root, two top-level servers and four
servers of zones, all on addresses of the loopback, port 53.

	enter()                       # this process and its children from now on
	with Internet(folder) as net:
	    net.hints, net.anchor     # files for a resolver
	    net.node["root"].asked    # [(name, type), ...] that were asked there
	    net.node["liar"].forged   # forged answers that were sent

	.            root   198.51.100.1   NSD, signed
	org.         org    198.51.100.2   Knot, signed
	example.     example 198.51.100.3  BIND, not signed
	good.org    nsd    198.51.100.11  NSD, signed
	wide.example knot   198.51.100.12  Knot; also lame.example, which "lame" should have
	             lame   198.51.100.13  NSD, is named for lame.example and refuses it
	slow.example slow   198.51.100.14  NSD behind half a second of delay
	lying.example and forged.org: liar 198.51.100.15  a server that forges

Each address is a relay in front of the server, over UDP, TCP and, where the module is, protocol 253: it
counts, can be slow, silent, or lie.
"""
import ctypes
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

from harness import IPPROTO_LINNET, PATIENCE, Skip, has_protocol, until
from servers import Zone, bind, find, knot, nsd
import wire

NET = "198.51.100."
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SHORT, LONG = 3, 300		# TTLs of names that have to end within the test, and of the others
AGING = max(SHORT, int(PATIENCE / 20 * 1.5))		# a tenth of it is enough to see something, also where machines are slow


def fetch():
    """The servers, while there is a network to have them from."""
    for server in ("nsd", "knotd", "named"):
        find(server)


def enter():
    """Into a network of its own. Without root: run the test by unshare -rn."""
    for word in ("ip", "ldns-keygen", "ldns-signzone"):
        if not shutil.which(word):
            raise Skip(f"{word} is not installed")
    fetch()
    if LIBC.unshare(CLONE_NEWNET):
        raise Skip(f"no network of its own: {os.strerror(ctypes.get_errno())}")
    run("ip", "link", "set", "lo", "up")


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def question(data):
    """(name, type) of a query."""
    reader = wire.Reader(data)
    reader.at = 12
    name = reader.name()
    rtype, = struct.unpack_from("!H", data, reader.at)
    return wire.text(name).lower(), wire.type_name(rtype)


class Relay:
    """A server's address: passes queries on to a port of 127.0.0.1, one thread for both transports."""

    def __init__(self, address, port, delay=0.0, forge=None):
        self.address, self.backend, self.delay, self.forge = address, port, delay, forge
        self.asked, self.streams, self.forged, self.silent = [], 0, 0, False
        self.ports, self.case = set(), []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 53))
        self.tcp = socket.create_server((address, 53), backlog=64)
        self.linnet, self.linnet_streams = None, 0
        if has_protocol(IPPROTO_LINNET):
            self.linnet = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_LINNET)
            self.linnet.bind((address, 53))
            self.linnet.listen(64)
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)		# a wrong source port
        self.other.bind((address, 0))
        self.stop_r, self.stop_w = os.pipe()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def count(self, name, rtype=None):
        return sum(1 for n, t in list(self.asked) if n == name and rtype in (None, t))

    def _serve(self):
        while True:
            ready = select.select([s for s in (self.udp, self.tcp, self.linnet, self.stop_r) if s], [], [])[0]
            if self.stop_r in ready:
                return
            if self.udp in ready:
                data, peer = self.udp.recvfrom(65535)
                self.ports.add(peer[1])
                threading.Thread(target=self._datagram, args=(data, peer), daemon=True).start()
            if self.tcp in ready:
                threading.Thread(target=self._stream, args=(self.tcp.accept()[0],), daemon=True).start()
            if self.linnet in ready:
                self.linnet_streams += 1
                threading.Thread(target=self._stream, args=(self.linnet.accept()[0],), daemon=True).start()

    def _note(self, data):
        self.asked.append(question(data))
        return not self.silent

    def _datagram(self, data, peer):
        if not self._note(data):
            return
        answer = wire.udp("127.0.0.1", self.backend, data, PATIENCE)
        if self.delay:
            time.sleep(self.delay)
        if self.silent or answer is None:
            return
        if self.forge:
            answer = self.forge(self, data, answer, peer)
        self.udp.sendto(answer, peer)

    def _stream(self, s):
        with s:
            while True:
                try:
                    data = wire.receive_message(s)
                except (OSError, AssertionError, EOFError, wire.Malformed, struct.error):
                    return
                if not data or not self._note(data):
                    return
                self.streams += 1
                answer = wire.tcp("127.0.0.1", self.backend, data)
                if self.forge:
                    answer = self.forge(self, data, answer, None)
                try:
                    s.sendall(wire.framed(answer))
                except OSError:
                    return

    def end(self):
        os.write(self.stop_w, b".")
        self.thread.join(PATIENCE)
        for s in (self.udp, self.tcp, self.linnet, self.other):
            if s:
                s.close()
        os.close(self.stop_r)
        os.close(self.stop_w)


FALSE = socket.inet_aton("203.0.113.66")
TRUE = socket.inet_aton("192.0.2.15")


def lie(relay, query, answer, peer):
    """Forgeries before the true answer; and in the zone that is signed, instead of it."""
    name, rtype = question(query)
    if name.endswith("forged.org.") and rtype == "A":
        relay.forged += 1
        return answer.replace(TRUE, FALSE)
    if not name.endswith("lying.example.") or rtype != "A" or not peer:
        return answer
    forged = answer.replace(TRUE, FALSE)
    number, = struct.unpack_from("!H", query)
    wrong_question = query[:2] + forged[2:12] + wire.name("other.lying.example.") + forged[12 + len(wire.name(name)):]
    for _ in range(8):		# an attacker who guesses
        relay.udp.sendto(struct.pack("!H", random.choice([n for n in (number ^ 1, number ^ 255)])) + forged[2:], peer)
    relay.other.sendto(forged, peer)
    relay.forged += 9
    if relay.count(name, rtype) == 1:		# with the right id: costs a try, no more
        relay.udp.sendto(wrong_question, peer)
        relay.forged += 1
    # The true answer, and beside it what is none of its business: another zone's address and servers.
    counts = list(struct.unpack_from("!6H", answer))
    additional = [wire.rr(wire.name("www.good.org."), wire.A, ttl=LONG, rdata=FALSE),
                  wire.rr(wire.name("plain.wide.example."), wire.A, ttl=LONG, rdata=FALSE)]
    authority = wire.rr(wire.name("wide.example."), wire.NS, ttl=LONG, rdata=wire.name("ns.lying.example."))
    end = len(answer)
    if counts[5]:		# the OPT is the last: it has the root's name and 11 octets without options
        end -= 11
    body = answer[12:end]
    if counts[4]:		# there are records already: only the additional section can grow
        counts[5] += 2
        return struct.pack("!6H", *counts) + body + b"".join(additional) + answer[end:]
    counts[4], counts[5] = 1, counts[5] + 2
    return struct.pack("!6H", *counts) + body + authority + b"".join(additional) + answer[end:]


SOA = "IN SOA {ns}. admin.{ns}. 1 3600 600 86400 {negative}\n"

ZONES = {
    "org": """
@ NS ns.org.
ns A 198.51.100.2
good NS ns.good
ns.good A 198.51.100.11
forged NS ns.forged
ns.forged A 198.51.100.15
unsigned NS ns.good
""",
    "example": """
@ NS ns.example.
ns A 198.51.100.3
wide NS ns.wide
ns.wide A 198.51.100.12
lame NS ns.lame
lame NS ns.wide
ns.lame A 198.51.100.13
slow NS ns.slow
ns.slow A 198.51.100.14
lying NS ns.lying
ns.lying A 198.51.100.15
""",
    "good.org": f"""
@ NS ns
ns A 198.51.100.11
www A 192.0.2.1
www AAAA 2001:db8::1
* A 192.0.2.9
alias CNAME plain.wide.example.
short {SHORT} A 192.0.2.2
aging {AGING} A 192.0.2.4
deep.in.the.zone A 192.0.2.3
big TXT {' '.join('"' + ch * 250 + '"' for ch in 'abcdefghijklmnop')}
many A 192.0.2.21
many A 192.0.2.22
""",
    "unsigned.org": """
@ NS ns.good.org.
www A 192.0.2.31
""",
    "forged.org": """
@ NS ns
ns A 198.51.100.15
www A 192.0.2.15
""",
    "wide.example": f"""
@ NS ns
ns A 198.51.100.12
plain A 192.0.2.11
short {SHORT} A 192.0.2.12
stale {SHORT} A 192.0.2.13
inside A 10.1.2.3
inside A 192.0.2.14
inner AAAA fd00::1
alias CNAME www.good.org.
out DNAME good.org.
{chr(10).join(f"crowd A 10.0.{i // 250}.{i % 250 + 1}" for i in range(1500))}
*.wild TXT "synthesised"
""",
    "lame.example": """
@ NS ns
@ NS ns.wide.example.
ns A 198.51.100.13
www A 192.0.2.14
""",
    "slow.example": """
@ NS ns
ns A 198.51.100.14
www A 192.0.2.16
""",
    "lying.example": """
@ NS ns
ns A 198.51.100.15
www A 192.0.2.15
a A 192.0.2.15
b A 192.0.2.15
""",
}
SIGNED = ("good.org", "forged.org", "org", ".")		# children before parents


class Internet:
    """All of it; ready when it is made."""

    def __init__(self, folder):
        self.folder, self.servers, self.node, self.ds = folder, [], {}, {}
        self.keys, self.serial = {}, 1
        os.chmod(folder, 0o755)
        for last in (1, 2, 3, 11, 12, 13, 14, 15):
            run("ip", "addr", "add", f"{NET}{last}/32", "dev", "lo")
        try:
            self._start()
        except BaseException:
            self.end()
            raise

    def _file(self, name, text, negative=SHORT):
        path = os.path.join(self.folder, f"{name if name != '.' else 'root'}.zone")
        origin = name if name == "." else name + "."
        with open(path, "w", encoding="ascii") as f:
            soa = SOA.format(ns="a.root" if name == "." else f"ns.{name}", negative=negative)
            f.write(f"$ORIGIN {origin}\n$TTL {LONG}\n@ {soa}{text}")
        if name not in SIGNED:
            return path
        self.keys[name] = keys = [self.key(name, True), self.key(name, False)]
        with open(os.path.join(self.folder, keys[0] + ".ds"), encoding="ascii") as f:
            self.ds[name] = f.read()
        run("ldns-signzone", "-f", path + ".signed", path, *keys, cwd=self.folder)
        return path + ".signed"

    def key(self, name, signs_keys):
        """A new key of a zone: a file's name without its end."""
        return run("ldns-keygen", "-a", "ECDSAP256SHA256", *(["-k"] if signs_keys else []), "-r", "/dev/urandom", name,
                   cwd=self.folder).strip()

    def sign_root(self, *keys):
        """The root with other keys from now on."""
        path = os.path.join(self.folder, "root.zone")
        with open(path, encoding="ascii") as f:
            text = f.read()
        self.serial += 1
        with open(path, "w", encoding="ascii") as f:
            f.write(text.replace(f" {self.serial - 1} 3600 ", f" {self.serial} 3600 ", 1))
        run("ldns-signzone", "-f", path + ".signed", path, *keys, cwd=self.folder)
        self.servers[0].control("reload", ".")

        def serial():
            answer = wire.Response(wire.udp("127.0.0.1", self.servers[0].port, wire.message(1, 0, [wire.question(b"\0", wire.SOA)]),
                                            PATIENCE))
            return int.from_bytes(answer.answer[0][4][-20:-16], "big")
        until(lambda: serial() == self.serial, "the root to have its new keys")

    def _start(self):
        files = {name: self._file(name, text) for name, text in ZONES.items()
                 if name not in ("org", ".")}
        files["org"] = self._file("org", ZONES["org"] + self.ds["good.org"] + self.ds["forged.org"])
        files["."] = self._file(".", """
. NS a.root.
a.root. A 198.51.100.1
org. NS ns.org.
ns.org. A 198.51.100.2
example. NS ns.example.
ns.example. A 198.51.100.3
""" + self.ds["org"])
        self.hints = os.path.join(self.folder, "hints")
        with open(self.hints, "w", encoding="ascii") as f:
            f.write(". 3600 IN NS a.root.\na.root. 3600 IN A 198.51.100.1\n")
        self.anchor = os.path.join(self.folder, "anchor")
        with open(self.anchor, "w", encoding="ascii") as f:
            f.write(self.ds["."])

        def serve(kind, folder, *zones):
            server = kind(os.path.join(self.folder, folder), [Zone(z, file=files[z]) for z in zones])
            self.servers.append(server)
            return server.port
        nodes = [
            ("root", 1, serve(nsd, "root", "."), {}),
            ("org", 2, serve(knot, "org", "org"), {}),
            ("example", 3, serve(bind, "example", "example"), {}),
        ]
        port = serve(nsd, "nsd", "good.org", "unsigned.org", "slow.example", "lying.example", "forged.org")
        nodes += [
            ("nsd", 11, port, {}),
            ("knot", 12, serve(knot, "knot", "wide.example", "lame.example"), {}),
            ("lame", 13, port, {}),
            ("slow", 14, port, {"delay": 0.5}),
            ("liar", 15, port, {"forge": lie}),
        ]
        for name, last, at, more in nodes:
            self.node[name] = Relay(f"{NET}{last}", at, **more)

    def asked(self):
        return sum(len(n.asked) for n in self.node.values())

    def end(self):
        for n in self.node.values():
            n.end()
        for s in self.servers:
            s.end()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()
