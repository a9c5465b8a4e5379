# SPDX-License-Identifier: GPL-2.0-or-later
"""
linnet-pop3d for tests, and POP3 (RFC 1939) spoken octet by octet.

	with Pop3d(users={"ann": "word"}) as d:
	    d.put("ann", b"Subject: x\\n\\ntext\\n")      # a file in new, as a delivery leaves it
	    with d.login("ann", "word") as s:
	        s("STAT")                               # "+OK 1 22"
	        s.lines("LIST")                         # ("+OK ...", ["1 22"])
	    d.files("ann")                              # names below new and cur

Plain at 127.0.0.1, with TLS from the start at 127.0.0.2, metrics at 127.0.0.3.
"""
import base64
import hashlib
import os
import pwd
import re
import signal
import socket
import ssl
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
for folder in ("../../userspace", "..", "../mail"):
    sys.path.insert(0, os.path.join(HERE, folder))
# pylint: disable=wrong-import-position
from clients import PLAIN, TLS
from dialogue import b64, digest, scram_verifier
from harness import PATIENCE, Daemon, Skip, equal, until
from linnet import certificate, crypted

METRICS = "127.0.0.3"
# Errors shall be counted and slowed in the tests that are about that only
LIMITS = {"errors": 10000, "auth-failures": 100, "failure-delay": '"0"'}
LINE_MAX = 512


class Closed(Exception):
    """The server closed the connection where a reply was due."""


class Pop3:
    """A connection to a server at loopback; calling it sends a line and returns the reply's first."""

    def __init__(self, port, address=PLAIN, protocol=socket.IPPROTO_TCP, tls=False, greeting=True):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((address, port))
        self.data = b""
        if tls:
            self.wrap()
        self.greeting = self.line() if greeting else None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.socket.close()

    def wrap(self):
        """TLS from here on; nothing may have been said before it."""
        equal(self.data, b"", "said before TLS began")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def octets(self):
        """A line without its end, which is CRLF."""
        while b"\n" not in self.data:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Closed(repr(self.data[-200:]))
            self.data += piece
        line, _, self.data = self.data.partition(b"\n")
        if not line.endswith(b"\r"):
            raise AssertionError(f"a line without CR: {line[-200:]!r}")
        return line[:-1]

    def line(self):
        """A line of a reply."""
        line = self.octets()
        if len(line) + 2 > LINE_MAX or b"\r" in line or b"\0" in line:
            raise AssertionError(f"no line of a reply: {line!r}")
        return line.decode("utf-8")

    def body(self):
        """Lines up to the dot, dots undone, as octets with CRLF."""
        lines = []
        while True:
            line = self.octets()
            if line == b".":
                return b"".join(x + b"\r\n" for x in lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def __call__(self, line):
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.line()

    def expect(self, line, wanted):
        got = self(line)
        if wanted != got and not re.fullmatch(wanted, got):
            raise AssertionError(f"{line!r}: got {got!r}, expected {wanted!r}")
        return got

    def lines(self, line):
        """A reply of many lines: the first, and the others as text."""
        first = self(line)
        if not first.startswith("+OK"):
            raise AssertionError(f"{line}: {first}")
        return first, self.body().decode().split("\r\n")[:-1]

    def message(self, line):
        """RETR or TOP: the octets."""
        self.expect(line, r"\+OK.*")
        return self.body()

    def login(self, user, password):
        self.expect(f"USER {user}", r"\+OK.*")
        return self(f"PASS {password}")

    def closed(self):
        """The server closes, and says no more."""
        try:
            rest = self.data + self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            rest = self.data
        equal(rest, b"", "said before the end")


def scram(s, user, password, tamper=None):
    """SCRAM-SHA-256 (RFC 7677); the server's signature is checked."""
    nonce = b64(os.urandom(18))
    bare = f"n={user},r={nonce}"
    reply = s(f"AUTH SCRAM-SHA-256 {b64('n,,' + bare)}")
    if not reply.startswith("+ "):
        return reply, None
    first = base64.b64decode(reply[2:]).decode()
    fields = dict(f.split("=", 1) for f in first.split(","))
    equal((fields["r"].startswith(nonce), len(fields["r"]) >= len(nonce) + 16), (True, True), first)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    key = digest(salted, b"Client Key")
    without = f"c={b64('n,,')},r={fields['r']}"
    text = f"{bare},{first},{without}".encode()
    proof = bytes(a ^ b for a, b in zip(key, digest(hashlib.sha256(key).digest(), text)))
    final = f"{without},p={b64(proof)}"
    reply = s(b64(tamper(final) if tamper else final))
    if reply.startswith("+ "):
        equal(base64.b64decode(reply[2:]).decode(), f"v={b64(digest(digest(salted, b'Server Key'), text))}", "the signature")
        reply = s("")
    return reply, (fields["s"], fields["i"])


def option(value):
    return ("true" if value else "false") if isinstance(value, bool) else value


class Pop3d(Daemon):
    """
    The server, with a folder of its own, ready.
    @users: {name: password}; @lines: lines of the users file after them; @limits: {option: value}
    @owner: user that the workers are, and that Maildirs belong to
    """

    def __init__(self, users=None, lines="", limits=None, tls=False, clear=True, more="", args=(), transports="both", workers=2, owner=None):
        self.temporary = tempfile.TemporaryDirectory(prefix="linnet-test-")
        self.folder = self.temporary.name
        os.chmod(self.folder, 0o755)
        self.mail_root = os.path.join(self.folder, "mail")
        self.owner = (pwd.getpwnam(owner).pw_uid, pwd.getpwnam(owner).pw_gid) if owner else (-1, -1)
        self.folder_for(self.mail_root)
        users = {"ann": "ann's word", "bob": "bob's word"} if users is None else users
        self.write("users", "".join(f"{u}:{crypted(p)}\n" for u, p in users.items()) +
                   f"scram:{scram_verifier('its word')}\n" + lines)
        text = f'hostname = "pop.test"\npop3-listen = {{"{PLAIN}:0"}}\nmetrics-listen = {{"{METRICS}:0"}}\n'
        if owner:
            text += f'user = "{owner}"\n'
        if tls:
            self.certificate, key = certificate(self.folder)
            text += f'pop3s-listen = {{"{TLS}:0"}}\ncertificate {{\n\tfile = "{self.certificate}"\n\tkey = "{key}"\n}}\n'
        text += f'''transports = "{transports}"
users = "{self.folder}/users"
mail-root = "{self.mail_root}"
auth-without-tls = {option(clear)}
session-log = "{self.folder}/sessions"
workers = {workers}
limits {{
''' + "".join(f"\t{k} = {v}\n" for k, v in {**LIMITS, **(limits or {})}.items()) + f"}}\n{more}\n"
        self.conf = self.write("linnet-pop3d.conf", text)
        super().__init__("linnet-pop3d", "-c", self.conf, *args, ports=())

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.temporary.cleanup()

    # --- talking ---

    def where(self, transport="tcp", address=PLAIN):
        for line in list(self.lines):
            m = re.search(rf"listening on {re.escape(address)}:(\d+) \({transport}\)", line)
            if m:
                return int(m[1])
        raise Skip(f"no listener for {transport} at {address}")

    def session(self, protocol=socket.IPPROTO_TCP, tls=False, **kw):
        address = TLS if tls else PLAIN
        return Pop3(self.where("tcp" if protocol == socket.IPPROTO_TCP else "linnet", address), address, protocol, tls, **kw)

    def login(self, user="ann", password="ann's word", **kw):
        s = self.session(**kw)
        reply = s.login(user, password)
        if not reply.startswith("+OK"):
            s.close()
            raise AssertionError(reply)
        return s

    def reload(self):
        """SIGHUP, until new sessions come to the new workers: one that an old worker took is sent away."""
        before = len([x for x in self.lines if "the new configuration is in use" in x])
        self.process.send_signal(signal.SIGHUP)
        until(lambda: len([x for x in list(self.lines) if "the new configuration is in use" in x]) > before, "the new configuration")

        def sent_away():
            with self.session() as s:
                try:
                    return "shutting down" in s("CAPA") or "shutting down" in s.line()
                except (Closed, ConnectionError):
                    return True
        until(lambda: not any(sent_away() for _ in range(20)), "the new workers")

    def serves(self):
        """It is well: somebody else can log in."""
        with self.login("bob", "bob's word") as s:
            s.expect("QUIT", r"\+OK.*")

    def metric(self, name):
        with socket.create_connection((METRICS, self.where("tcp", METRICS)), PATIENCE) as s:
            s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        m = re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)
        if not m:
            raise AssertionError(f"no {name} in {text}")
        return int(m[1])

    def sessions(self):
        with open(os.path.join(self.folder, "sessions"), encoding="utf-8") as f:
            return f.read().splitlines()

    # --- mailboxes ---

    def folder_for(self, path):
        if not os.path.isdir(path):
            os.makedirs(path)
            os.chown(path, *self.owner)

    def box(self, user="ann"):
        path = os.path.join(self.mail_root, user)
        for sub in ("", "cur", "new", "tmp"):
            self.folder_for(os.path.join(path, sub))
        return path

    def put(self, user, data, name=None, sub="new"):
        """A message as somebody else's program delivers it."""
        if name is None:
            name = f"{1000000000 + len(self.files(user))}.M1P1.test"
        with open(os.path.join(self.box(user), sub, name), "wb") as f:
            f.write(data)
            os.fchown(f.fileno(), *self.owner)
        return name

    def files(self, user="ann"):
        """Names below new and cur."""
        box = self.box(user)
        return sorted(f"{sub}/{n}" for sub in ("new", "cur") for n in os.listdir(os.path.join(box, sub)))

    def until_files(self, user, wanted):
        until(lambda: self.files(user) == wanted, f"{wanted}, not {self.files(user)}")
