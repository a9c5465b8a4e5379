# SPDX-License-Identifier: GPL-2.0-or-later
"""
SMTP (RFC 5321) spoken octet by octet, so that a test may say what no library would.

	with Smtp(port) as s:
	    s.greeting                          # Reply(220, "", [...])
	    s("EHLO client.test").keywords()    # {"SIZE": "1000", ...}
	    s("MAIL FROM:<>")                   # Reply(250, "2.1.0", ["sender good"])
	    s.send(b"octets"); s.reply()
	    s.start_tls(); s.plain("ann", "word"); s.scram("ann", "word")

Replies are held to the RFC: CRLF at the end of every line and nowhere else, at most 512 octets,
the same code in all lines, an enhanced code (RFC 2034) that fits it.
"""
import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
from harness import PATIENCE  # pylint: disable=wrong-import-position

LINE_MAX = 512
# Replies to HELO and EHLO, greetings and 3xx have none (RFC 2034, 4)
ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)")


class Closed(Exception):
    """The server closed the connection where a reply was due."""


class Reply:
    def __init__(self, code, status, lines):
        self.code, self.status, self.lines = code, status, lines

    def __str__(self):
        return f"{self.code} {self.status}".rstrip()

    def __repr__(self):
        return f"{self} {self.lines}"

    def text(self):
        return "\n".join(self.lines)

    def keywords(self):
        """What EHLO's answer offers (RFC 5321, 4.1.1.1)."""
        return {line.partition(" ")[0].upper(): line.partition(" ")[2] for line in self.lines[1:]}


class Smtp:
    """A connection to a server at loopback; calling it sends a line and returns the reply."""

    def __init__(self, port, address="127.0.0.1", protocol=socket.IPPROTO_TCP, tls=False, greeting=True, source=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM, protocol)
        self.socket.settimeout(PATIENCE)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((address, port))
        self.data = b""
        self.greeting = None
        if tls:
            self.wrap()
        if greeting:
            self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.socket.close()

    def wrap(self):
        """TLS from here on; nothing may have been said before it."""
        if self.data:
            raise AssertionError(f"said before TLS began: {self.data}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def line(self):
        while b"\n" not in self.data:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Closed(repr(self.data))
            self.data += piece
        line, _, self.data = self.data.partition(b"\n")
        if not line.endswith(b"\r") or b"\r" in line[:-1] or b"\0" in line or len(line) + 1 > LINE_MAX:
            raise AssertionError(f"no line of a reply: {line!r}")
        return line[:-1].decode("utf-8")

    def reply(self):
        lines, code, status = [], None, ""
        while True:
            line = self.line()
            m = re.fullmatch(r"([2-5]\d\d)([ -])(.*)", line) or re.fullmatch(r"([2-5]\d\d)()()", line)
            if not m or code not in (None, m[1]):
                raise AssertionError(f"not a line of a reply: {line!r} after {lines}")
            code, text = m[1], m[3]
            e = ENHANCED.match(text)
            if e:
                if e[1][0] != code[0]:
                    raise AssertionError(f"an enhanced code of another class: {line!r}")
                status, text = e[1], text[e.end():]
            lines.append(text)
            if m[2] != "-":
                return Reply(int(code), status, lines)

    def __call__(self, line):
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def expect(self, line, wanted):
        """One command, one reply; @wanted is "250 2.1.0"."""
        got = self(line)
        if str(got) != wanted:
            raise AssertionError(f"{line!r}: {got!r}, expected {wanted}")
        return got

    def closed(self):
        """The server closes, and says no more."""
        try:
            rest = self.data + self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            rest = self.data
        if rest:
            raise AssertionError(f"more was said: {rest!r}")

    def drain(self):
        """All replies until it closes."""
        replies = []
        while True:
            try:
                replies.append(self.reply())
            except Closed:
                return replies

    # --- sessions ---

    def hello(self, name="client.test"):
        return self.expect(f"EHLO {name}", "250").keywords()

    def start_tls(self):
        self.expect("STARTTLS", "220 2.0.0")
        self.wrap()
        return self.hello()

    def envelope(self, sender, *recipients):
        """MAIL and RCPT, all of them good."""
        self.expect(f"MAIL FROM:<{sender}>", "250 2.1.0")
        for r in recipients:
            self.expect(f"RCPT TO:<{r}>", "250 2.1.5")

    def message(self, sender, recipients, text):
        """A whole message; the reply to its end."""
        self.envelope(sender, *([recipients] if isinstance(recipients, str) else recipients))
        self.expect("DATA", "354")
        self.send(stuffed(text) + b".\r\n")
        return self.reply()

    # --- authentication (RFC 4954) ---

    def plain(self, user, password):
        return self(f"AUTH PLAIN {plain(user, password)}")

    def login(self, user, password):
        r = self("AUTH LOGIN")
        if str(r) != "334" or base64.b64decode(r.lines[0]).lower() not in (b"username:", b"user name\0", b"user name"):
            raise AssertionError(f"AUTH LOGIN: {r!r}")
        self.expect(b64(user), "334")
        return self(b64(password))

    def scram(self, user, password, tamper=None):
        """SCRAM-SHA-256 (RFC 7677); the server's signature is checked."""
        nonce = b64(os.urandom(18))
        bare = f"n={user},r={nonce}"
        r = self(f"AUTH SCRAM-SHA-256 {b64('n,,' + bare)}")
        if r.code != 334:
            return r
        first = base64.b64decode(r.lines[0]).decode()
        fields = dict(f.split("=", 1) for f in first.split(","))
        if not fields["r"].startswith(nonce) or len(fields["r"]) < len(nonce) + 16:
            raise AssertionError(f"SCRAM: the server's nonce: {first}")
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        client_key = digest(salted, b"Client Key")
        without = f"c={b64('n,,')},r={fields['r']}"
        text = f"{bare},{first},{without}".encode()
        signature = digest(hashlib.sha256(client_key).digest(), text)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        final = f"{without},p={b64(proof)}"
        r = self(b64(tamper(final) if tamper else final))
        if r.code == 334:
            wanted = b64(digest(digest(salted, b"Server Key"), text))
            got = base64.b64decode(r.lines[0]).decode()
            if got != f"v={wanted}":
                raise AssertionError(f"SCRAM: the server's signature: {got}")
            r = self("")
        return r


def digest(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def plain(user, password, authorize=""):
    return b64(f"{authorize}\0{user}\0{password}")


def scram_verifier(password, iterations=4096):
    """What a users file holds instead of a password (RFC 5803)."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(digest(salted, b"Client Key")).digest()
    return f"{{SCRAM-SHA-256}}{iterations},{b64(salt)},{b64(stored)},{b64(digest(salted, b'Server Key'))}"


def stuffed(text):
    """A message as DATA carries it: CRLF, dots doubled (RFC 5321, 4.5.2)."""
    data = text.encode() if isinstance(text, str) else text
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", data)
