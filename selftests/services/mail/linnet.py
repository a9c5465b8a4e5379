# SPDX-License-Identifier: GPL-2.0-or-later
"""
linnet-smtpd for tests, seen from outside.

	with Smtpd(folder, users={"ann": "word"}) as d:
	    with d.session() as s: ...          # dialogue.Smtp, greeted
	    d.maildir("ann")                    # {name: octets} of what was delivered
	    d.queue()                           # ids of what is in the queue
	    d.restart()                         # the same folder and the same ports

Each service is at an address of its own: 127.0.0.1 smtp, 127.0.0.2 submission, 127.0.0.3 smtps.
"""
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
from dialogue import Smtp
from harness import PATIENCE, Daemon, Skip, program, until
import peers

SERVICES = {"smtp": "127.0.0.1", "submission": "127.0.0.2", "smtps": "127.0.0.3"}
# Errors shall be counted and slowed in the tests that are about that only
LIMITS = {"errors": 10000, "tarpit-errors": 10000, "auth-failures": 100, "min-free": '"1m"'}
PASSWORDS = {}


def available(name="linnet-smtpd"):
    """Raises Skip where the program is not built."""
    try:
        return program(name)
    except SystemExit as e:
        raise Skip(str(e)) from None


def crypted(password):
    """A password as crypt(3) keeps it, by a method that is quick."""
    if password not in PASSWORDS:
        for name in ("libcrypt.so.1", "libcrypt.so.2"):
            try:
                library = ctypes.CDLL(name)
                break
            except OSError:
                library = None
        if library is None:
            raise Skip("there is no libcrypt")
        library.crypt.restype = ctypes.c_char_p
        PASSWORDS[password] = library.crypt(password.encode(), b"$5$rounds=1000$mailtest").decode()
    return PASSWORDS[password]


def certificate(folder, name="localhost"):
    """A certificate and its key, as files."""
    cert, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    if not os.path.exists(key):
        try:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                            "-days", "1", "-subj", f"/CN={name}", "-addext",
                            f"subjectAltName=DNS:{name},IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3", "-out", cert, "-keyout",
                            key], check=True, stderr=subprocess.DEVNULL, timeout=5 * PATIENCE)
        except FileNotFoundError:
            raise Skip("openssl is not installed") from None
        os.chmod(key, 0o644)
    return cert, key


def quoted(words):
    return "{" + ", ".join(f'"{w}"' for w in words) + "}"


def route(domain, port, transport="tcp", host="127.0.0.1", more=""):
    """Text for relay {}: mail for a domain goes there."""
    return f'\troute "{domain}" {{\n\t\thost = "{host}"\n\t\tport = {port}\n\t\ttransport = "{transport}"\n{more}\t}}\n'


class Smtpd(Daemon):
    """
    The server and its queue in a folder, ready.
    @users: {name: password}; @lines: lines of the users file after them
    @limits: {option: value} for limits {}; @relay: text of relay {}; @more: text at the end
    @resolver: port of a name server at 127.0.0.1; None: one where nobody answers
    """

    def __init__(self, folder, hostname="a.test", domains=("a.test",), users=None, lines="", aliases=None, limits=None,
                 relay="", more="", tls=True, resolver=None, networks=(), transports="both", workers=2, ports=None,
                 launcher=(), queue=None, mail_root=None, log_level="debug", options=()):
        available()
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.folder, self.hostname, self.ports, self.launcher = folder, hostname, ports or {}, launcher
        self.queue_folder = queue or os.path.join(folder, "queue")
        self.mail_root = mail_root or os.path.join(folder, "mail")
        self.conf = os.path.join(folder, "linnet-smtpd.conf")
        for path in (self.queue_folder, self.mail_root):
            os.makedirs(path, exist_ok=True)
        users = {"ann": "ann's word", "bob": "bob's word"} if users is None else users
        self.put("users", "".join(f"{u}:{crypted(p)}\n" for u, p in users.items()) + lines)
        self.put("aliases", "".join(f"{k}: {v}\n" for k, v in (aliases or {}).items()))
        services = SERVICES if tls else {"smtp": SERVICES["smtp"]}
        text = f'hostname = "{hostname}"\n'
        for name in SERVICES:
            ends = [f"{SERVICES[name]}:{self.ports.get(name, 0)}"] if name in services else []
            text += f"{name}-listen = {quoted(ends)}\n"
        if tls:
            self.certificate, key = certificate(folder)
            text += f'certificate {{\n\tfile = "{self.certificate}"\n\tkey = "{key}"\n}}\n'
        if networks:
            text += f"relay-networks = {quoted(networks)}\n"
        text += f'''transports = "{transports}"
domains = {quoted(domains)}
users = "{folder}/users"
aliases = "{folder}/aliases"
mail-root = "{self.mail_root}"
queue = "{self.queue_folder}"
workers = {workers}
auth-on-smtp = true
limits {{
''' + "".join(f"\t{k} = {v}\n" for k, v in {**LIMITS, **(limits or {})}.items()) + "}\n"
        text += f'relay {{\n\tresolver = "127.0.0.1:{resolver or peers.free_port()}"\n\t{relay}\n}}\n{more}\n'
        self.put("linnet-smtpd.conf", text)
        self.options = ("-c", self.conf, "--log-level", log_level, *options)
        self.start()

    def start(self):
        super().__init__("linnet-smtpd", *self.options, ports=())
        self.ports = {name: self.port_of(name) for name in SERVICES if self.port_of(name)}

    def put(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def port_of(self, service, transport="tcp"):
        for line in list(self.lines):
            m = re.search(rf"listening on {re.escape(SERVICES[service])}:(\d+) \({transport}\)", line)
            if m:
                return int(m[1])
        return None

    def session(self, service="smtp", protocol=socket.IPPROTO_TCP, **kw):
        transport = "tcp" if protocol == socket.IPPROTO_TCP else "linnet"
        port = self.port_of(service, transport)
        if not port:
            raise Skip(f"no listener for {service} on {transport}")
        return Smtp(port, SERVICES[service], protocol, tls=service == "smtps", **kw)

    def processes(self):
        """The master, the queue manager and the workers."""
        return peers.children(self.process.pid)

    def processor_time(self):
        return peers.processor_time(self.process.pid)

    def memory(self):
        """Kilobytes of memory that no file backs, of all its processes."""
        total = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("RssAnon:"))
        return total

    def box(self, user):
        """The folder of a user's Maildir."""
        return os.path.join(self.mail_root, user)

    def maildir(self, user):
        return peers.messages(self.box(user))

    def wait_for(self, user, count, patience=None):
        return peers.wait_for_messages(self.box(user), count, patience)

    def queue(self):
        """Ids of accepted messages that are not done."""
        try:
            return sorted(n for n in os.listdir(os.path.join(self.queue_folder, "msg")) if not n.startswith("."))
        except FileNotFoundError:
            return []

    def leftovers(self):
        """What lies in the queue and the Maildirs without being a message of either."""
        ids, found = set(self.queue()), []
        for sub in ("tmp", "env"):
            for _, _, names in os.walk(os.path.join(self.queue_folder, sub)):
                found += [f"{sub}/{n}" for n in names if sub == "tmp" or n not in ids]
        for path, _, names in os.walk(self.mail_root):
            if path.endswith("/tmp"):
                found += [os.path.join(path, n) for n in names]
        return found

    def mailq(self, *words):
        return self.tool("linnet-mailq", "--queue", self.queue_folder, *words)

    def tool(self, name, *words, data=b"", status=0):
        available(name)
        done = subprocess.run([program(name), *words], input=data, capture_output=True, check=False, timeout=5 * PATIENCE)
        if done.returncode != status:
            raise AssertionError(f"{name} {words}: {done.returncode}: {done.stdout[-500:]} {done.stderr[-500:]}")
        return done.stdout.decode()

    def empty(self, patience=None):
        until(lambda: not self.queue(), "the queue to be empty", patience)

    def kill_all(self):
        """All its processes at once, as when the power fails."""
        pids = self.processes()
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                try:
                    os.kill(pid, sig)
                except ProcessLookupError:
                    pass
        self.process.wait()
        self.reader.join()
        until(lambda: not any(map(peers.alive, pids)), "its processes to be gone")

    def restart(self):
        """After its end: at the same ports."""
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        for name, port in self.ports.items():
            text = re.sub(rf"(?m)^{name}-listen = .*$", f'{name}-listen = {{"{SERVICES[name]}:{port}"}}', text)
        self.put("linnet-smtpd.conf", text)
        self.start()
