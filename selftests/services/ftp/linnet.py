# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-ftpd under test, and a client that shows each reply."""
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
sys.path.insert(0, os.path.join(HERE, ".."))
# pylint: disable=wrong-import-position
from harness import Daemon, PATIENCE, Skip, equal, until
from clients import CLIENT_PATIENCE, need_program

ADDRESS = "127.0.0.1"
USER, PASSWORD = "joe", "secret"


def hashed(password):
    """As crypt(3) has it; openssl is there where TLS is tested."""
    need_program("openssl")
    return subprocess.run(["openssl", "passwd", "-6", password], check=True, capture_output=True, text=True,
                          timeout=CLIENT_PATIENCE).stdout.strip()


def certificate(folder, name="localhost"):
    need_program("openssl")
    cert, key = os.path.join(folder, f"{name}.pem"), os.path.join(folder, f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:{ADDRESS}",
                    "-out", cert, "-keyout", key], check=True, stderr=subprocess.DEVNULL, timeout=CLIENT_PATIENCE)
    return cert, key


class Ftpd(Daemon):
    """With the users joe, jane (quota of 100,000 octets and 10 files) and anonymous."""

    def __init__(self, *args, more="", tls="", limits="", address=ADDRESS, implicit=False, workers=1,
                 passive="", active="port = 0", users=None):
        self.temporary = tempfile.TemporaryDirectory(prefix="linnet-test-")
        self.folder, self.address = self.temporary.name, address
        os.chmod(self.folder, 0o755)
        self.homes, self.public = os.path.join(self.folder, "homes"), os.path.join(self.folder, "public")
        self.home = os.path.join(self.homes, USER)
        for path in (self.homes, self.home, os.path.join(self.homes, "jane"), self.public):
            os.mkdir(path)
        self.transfers = os.path.join(self.folder, "xferlog")
        hash_ = hashed(PASSWORD)
        with open(os.path.join(self.folder, "users"), "w", encoding="ascii") as f:
            f.write(users or f"# comment\n{USER}:{hash_}\njane:{hash_}:jane:100000,10\nnobody:!\n")
        tls_text = ""
        if tls is not None:
            self.certificate, key = certificate(self.folder)
            tls_text = f'tls {{ certificate {{ file = "{self.certificate}" key = "{key}" }} {tls} }}'
        self.conf = os.path.join(self.folder, "ftpd.conf")
        host = f"[{address}]" if ":" in address else address
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f'''workers = {workers}
root = "{self.homes}"
users = "{self.folder}/users"
anonymous = "{self.public}"
transfer-log = "{self.transfers}"
listen "{host}:0" {{ implicit-tls = {"true" if implicit else "false"} }}
{tls_text}
passive {{ {passive} }}
active {{ {active} }}
limits {{ login-failure-delay = "10ms" {limits} }}
{more}
''')
        super().__init__("linnet-ftpd", "-c", self.conf, *args, ports=())

    def where(self, way=None):
        """The port on the way's transport."""
        transport = way.transport if way else "tcp"
        return self.port(transport, socket.AF_INET6 if ":" in self.address else socket.AF_INET)

    def put(self, name, data, home=None):
        path = os.path.join(home or self.home, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def read(self, name, home=None):
        with open(os.path.join(home or self.home, name), "rb") as f:
            return f.read()

    def hidden(self, home=None):
        """What uploads left behind."""
        return [n for n in os.listdir(home or self.home) if n.startswith(".in.")]

    def log(self):
        with open(self.transfers, encoding="utf-8") as f:
            return f.read().splitlines()

    def logged(self, n):
        """Wait for so many lines of the transfer log."""
        return until(lambda: len(self.log()) >= n and self.log(), f"{n} lines of the transfer log")

    def control(self, user=None, password=PASSWORD, **kw):
        c = Control(self.address, self.where(), **kw)
        c.expect(220)
        if user:
            c.login(user, password)
        return c

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.temporary.cleanup()
        if not exc[0]:
            bad = [line for line in self.lines if re.search("ERROR: AddressSanitizer|runtime error", line)]
            equal(bad, [], "what the sanitizers say")


class Control:
    """A control connection: commands as they are written here, and replies with all their lines."""

    def __init__(self, host, port, protocol=socket.IPPROTO_TCP, source=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.host, self.protocol, self.family = host, protocol, family
        self.socket = socket.socket(family, socket.SOCK_STREAM, protocol)
        self.socket.settimeout(PATIENCE)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.rest = b""
        self.text = ""

    def send(self, line):
        if isinstance(line, str):
            line = line.encode("utf-8") + b"\r\n"
        self.socket.sendall(line)

    def line(self):
        while b"\n" not in self.rest:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(self.rest)
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\n")
        if not line.endswith(b"\r"):
            raise AssertionError(f"a reply without CR LF: {line!r}")
        return line[:-1].decode("utf-8", "surrogateescape")

    def reply(self):
        """The code of the next reply; its lines are in .text (RFC 959, 4.2)."""
        first = self.line()
        lines = [first]
        if not re.match(r"[1-6][0-9][0-9][ -]", first):
            raise AssertionError(f"no reply: {first!r}")
        while first[3] == "-" and not lines[-1].startswith(first[:3] + " "):
            lines.append(self.line())
        self.text = "\n".join(lines)
        return int(first[:3])

    def expect(self, code, what=""):
        got = self.reply()
        if got != code:
            raise AssertionError(f"{what}: got {self.text!r}, expected {code}")
        return self.text

    def ask(self, line, code):
        self.send(line)
        return self.expect(code, line)

    def login(self, user=USER, password=PASSWORD):
        self.ask(f"USER {user}", 331)
        self.ask(f"PASS {password}", 230)

    def closed(self):
        """The server ends the connection, in order."""
        try:
            equal(self.socket.recv(65536), b"", "octets after the last reply")
        except ConnectionResetError:
            pass

    def start_tls(self, context, **kw):
        self.ask("AUTH TLS", 234)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost", **kw)

    # --- data connections ---

    def passive(self):
        text = self.ask("EPSV", 229)
        port = int(re.search(r"\(\|\|\|(\d+)\|\)", text)[1])
        s = socket.socket(self.family, socket.SOCK_STREAM, self.protocol)
        s.settimeout(PATIENCE)
        s.connect((self.host, port))
        return s

    def listen(self):
        """PORT or EPRT; the listening socket."""
        s = socket.socket(self.family, socket.SOCK_STREAM, self.protocol)
        s.settimeout(PATIENCE)
        s.bind((self.host, 0))
        s.listen()
        port = s.getsockname()[1]
        if self.family == socket.AF_INET:
            self.ask(f"PORT {self.host.replace('.', ',')},{port >> 8},{port & 255}", 200)
        else:
            self.ask(f"EPRT |2|{self.host}|{port}|", 200)
        return s

    def download(self, command, active=False):
        if active:
            listener = self.listen()
        else:
            data = self.passive()
        self.ask(command, 150)
        if active:
            data, _ = listener.accept()
            listener.close()
        content = b""
        while piece := data.recv(65536):
            content += piece
        data.close()
        self.expect(226, command)
        return content

    def upload(self, command, content, code=226, active=False):
        if active:
            listener = self.listen()
        else:
            data = self.passive()
        self.ask(command, 150)
        if active:
            data, _ = listener.accept()
            listener.close()
        try:
            data.sendall(content)
        except OSError:
            if code == 226:
                raise
        data.close()
        return self.expect(code, command)

    def close(self):
        self.socket.close()


def tls_context(server, version=None):
    context = ssl.create_default_context(cafile=server.certificate)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


__all__ = ["ADDRESS", "Control", "Ftpd", "PASSWORD", "Skip", "USER", "certificate", "equal", "hashed", "tls_context",
           "until"]
