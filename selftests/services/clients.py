# SPDX-License-Identifier: GPL-2.0-or-later
"""Other people's clients, the ways on which they reach a server of ours, and the demo site."""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from harness import (Daemon, IPPROTO_MPTCP, MODULE, PATIENCE, Skip, equal, has_protocol, helper, program, test,
                     until)

# Guests are emulated: less of all, and protocol 253 only.  The host does the rest.
LIGHT = MODULE or float(os.environ.get("LAB_TIME_FACTOR", "1")) > 1
CLIENT_PATIENCE = 5 * PATIENCE
PLAIN, TLS = "127.0.0.1", "127.0.0.2"


def sha(data):
    return hashlib.sha256(data).hexdigest()


def contents(path):
    with open(path, "rb") as f:
        return f.read()


def need_program(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed")
    return path


class Way:
    """How a client comes to a server: as it is, or by "linnet run"."""

    def __init__(self, name, transport, launcher=None):
        self.name, self.transport, self.launcher = name, transport, launcher

    def command(self, *command):
        need_program(command[0])
        return [*(self.launcher() if self.launcher else []), *command]

    def run(self, *command, status=0, data=None, **kw):
        """Run a client to its end: what it wrote, when its exit status is as expected."""
        kw.setdefault("timeout", CLIENT_PATIENCE)
        stdin = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(self.command(*command), capture_output=True, check=False, **stdin, **kw)
        if done.returncode != status:
            raise AssertionError(f"{command}: exit status {done.returncode}: {done.stdout[-500:]} {done.stderr[-1000:]}")
        return done

    def start(self, *command, **kw):
        return subprocess.Popen(self.command(*command), stdin=subprocess.DEVNULL, **kw)


def standin():
    if not has_protocol(IPPROTO_MPTCP):
        raise Skip("neither the module is loaded nor is there a protocol to stand in")
    return [helper("linnet-standin"), "run", "--strict", "--"]


def ways():
    if MODULE:
        return [Way("linnet run", "linnet", lambda: [program("linnet"), "run", "--strict", "--"])]
    # The stand-in's Multipath TCP falls back to TCP: it shows the launcher with this client.
    return [Way("tcp", "tcp"), Way("linnet run, with a stand-in for 253", "tcp", standin)]


def each_way(name):
    def add(function):
        for way in ways():
            test(f"{name} ({way.name})")(lambda way=way: function(way))
        return function
    return add


def demo_folder():
    """The demo site: beside an installed test, or in the tree."""
    for folder in (os.path.join(HERE, "site"), os.path.join(HERE, "../../userspace/httpd/site")):
        if os.path.exists(os.path.join(folder, "index.html")):
            return os.path.realpath(folder)
    raise Skip("the demo site is not there")


class Demo(Daemon):
    """linnet-httpd with the demo site, a form, and a folder to write to; plain and with TLS."""

    def __init__(self, *args, text="", limits="", site=None, tls=False, more=""):
        self.temporary = tempfile.TemporaryDirectory(prefix="linnet-test-")
        self.folder = self.temporary.name
        os.chmod(self.folder, 0o755)
        self.files = os.path.join(self.folder, "files")
        os.mkdir(self.files)
        self.site = site or demo_folder()
        self.certificate = os.path.join(self.folder, "certificate.pem")
        listen = f'listen "{PLAIN}:0" {{ }}\n'
        if tls:
            key = os.path.join(self.folder, "key.pem")
            need_program("openssl")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                            "-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext",
                            f"subjectAltName=DNS:localhost,IP:{TLS}", "-out", self.certificate, "-keyout", key],
                           check=True, stderr=subprocess.DEVNULL, timeout=CLIENT_PATIENCE)
            listen += f'listen "{TLS}:0" {{ certificate {{ file = "{self.certificate}" key = "{key}" }} }}\n'
        conf = os.path.join(self.folder, "httpd.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f'''{text}
access-log = "{os.path.join(self.folder, "access")}"
limits {{ {limits} }}
{listen}
host "localhost" {{
	default = true
	root = "{self.site}"
	location "/" {{ files {{ listing = true }} }}
	location "/form" {{ form {{ }} }}
	location "/files" {{ files {{ root = "{self.files}" listing = true put = true delete = true }} }}
	{more}
}}
''')
        super().__init__("linnet-httpd", "-c", conf, "--log-level", "info", *args, ports=())

    def where(self, way, address=PLAIN):
        for line in self.lines:
            m = re.search(rf"listening on {re.escape(address)}:(\d+) \({way.transport}\)", line)
            if m:
                return int(m[1])
        raise Skip(f"no listener for {way.transport} at {address}: {self.lines}")

    def url(self, way, path="/"):
        return f"http://{PLAIN}:{self.where(way)}{path}"

    def tls_url(self, way, path="/"):
        return f"https://{TLS}:{self.where(way, TLS)}{path}"

    def put(self, name, data):
        path = os.path.join(self.files, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def access(self):
        with open(os.path.join(self.folder, "access"), encoding="ascii") as f:
            return f.read().splitlines()

    def accessed(self, *statuses):
        """Wait until the access log's last lines have these statuses: a line may come
        after the client has all of its answer.  Returns the last one's fields."""
        until(lambda: [line.split()[8] for line in self.access()][-len(statuses):] == list(statuses),
              f"the access log to end with {statuses}")
        return self.access()[-1].split()

    def carried(self, way):
        """All connections there were came on the transport that was meant."""
        transports = until(lambda: {m[1] for line in list(self.lines) if (m := re.search(r"connected \((\w+)\)", line))},
                           "a line about a connection")
        equal(transports, {way.transport}, "transports of the connections")

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.temporary.cleanup()
