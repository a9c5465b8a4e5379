#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-rpcd by TLS on both sides: its listener, and the way to a real etcd that wants certificates."""
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import warnings
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor
from xmlrpc.client import Fault

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
from etcd import find_etcd, free_ports
from harness import Daemon, PATIENCE, equal, main, temporary_folder, test, until


def openssl(*args):
    done = subprocess.run(["openssl", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"openssl {args}: {done.stderr}")


class Authority:
    """A CA of our own in a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.certificate = self.path("pem")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}",
                "-out", self.certificate, "-keyout", self.path("key"))

    def path(self, kind, of=None):
        return os.path.join(self.folder, f"{of or self.name}.{kind}")

    def issue(self, name, alternative="DNS:localhost"):
        """A certificate for both sides of a connection, and its key: their paths."""
        extensions = self.path("ext", name)
        with open(extensions, "w", encoding="ascii") as f:
            f.write(f"subjectAltName={alternative}\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-out", self.path("csr", name),
                "-keyout", self.path("key", name))
        openssl("x509", "-req", "-days", "1", "-in", self.path("csr", name), "-CA", self.certificate,
                "-CAkey", self.path("key"), "-CAcreateserial", "-extfile", extensions,
                "-out", self.path("pem", name))
        return self.path("pem", name), self.path("key", name)


class World:
    """A folder with a CA, another CA that nobody should trust, and the first one's certificates."""

    def __init__(self):
        self.temporary = temporary_folder()
        self.folder = self.temporary.name
        os.chmod(self.folder, 0o755)
        self.ca, self.other = Authority(self.folder, "ca"), Authority(self.folder, "other")
        self.server = self.ca.issue("server")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.temporary.cleanup()


def context(authority):
    return ssl.create_default_context(cafile=authority.certificate)


def proxy(daemon, authority, host="localhost"):
    return xmlrpc.client.ServerProxy(f"https://{host}:{daemon.port('tcp')}/RPC2", allow_none=True,
                                     context=context(authority))


def refused(function, *args):
    try:
        value = function(*args)
    except ssl.SSLCertVerificationError as e:
        return e.verify_message
    raise AssertionError(f"returned {value!r}")


def memory_server(world):
    return Daemon("linnet-rpcd", "--store", "memory", "--certificate", world.server[0], "--key", world.server[1])


@test("https: Python's client with the CA is served; by another CA or name it refuses the server")
def _():
    with World() as w, memory_server(w) as d:
        s = proxy(d, w.ca)
        s.set("foo", {"a": [1, None, "é"]})
        equal(s.get("foo"), {"a": [1, None, "é"]})
        # Kept, so that there is one handshake for all calls
        equal(len([line for line in d.lines if "connected" in line]), 1, "connections")
        assert "unable to get local issuer" in refused(proxy(d, w.other).get, "foo")
        assert "IP address mismatch" in refused(proxy(d, w.ca, "127.0.0.1").get, "foo")
        equal(s.get("foo"), {"a": [1, None, "é"]})


@test("https: HTTP/2 by ALPN, TLS 1.1 and what is no TLS are refused, and others are served all the while")
def _():
    with World() as w, memory_server(w) as d:
        port = d.port("tcp")
        body = xmlrpc.client.dumps((), "system.listMethods")
        done = subprocess.run(
            ["curl", "-sS", "--http2", "--cacert", w.ca.certificate, "-H", "Content-Type: text/xml",
             "--data-binary", "@-", "-w", "%{http_version}", f"https://localhost:{port}/RPC2"],
            input=body, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert "<string>get</string>" in done.stdout and done.stdout.endswith("2"), done.stdout
        # In the clear: a TLS alert or nothing, but no answer
        with socket.create_connection(("localhost", port), PATIENCE) as raw:
            raw.sendall(b"POST /RPC2 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            try:
                assert b"HTTP" not in raw.recv(1000)
            except ConnectionResetError:
                pass
        old = context(w.ca)
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        try:
            with socket.create_connection(("localhost", port), PATIENCE) as raw:
                old.wrap_socket(raw, server_hostname="localhost").close()
            raise AssertionError("TLS 1.1 was agreed upon")
        except (ssl.SSLError, ConnectionResetError):
            pass
        equal(proxy(d, w.ca).system.methodHelp("get")[:9], "The value")


@test("https: SIGHUP takes a new certificate; a bad one is refused and the old one stays")
def _():
    def served(daemon):
        c = http.client.HTTPSConnection("localhost", daemon.port("tcp"), timeout=PATIENCE, context=context(w.ca))
        c.connect()
        with c.sock:
            return dict(x[0] for x in c.sock.getpeercert()["subject"])["commonName"]

    with World() as w, memory_server(w) as d:
        equal(served(d), "server")
        new = w.ca.issue("renewed")
        for source, target in zip(new, w.server):
            os.replace(source, target)
        d.process.send_signal(signal.SIGHUP)
        until(lambda: d.has("the new configuration is in use"), "the new certificate")
        equal(served(d), "renewed")
        with open(w.server[0], "w", encoding="ascii") as f:
            f.write("no certificate\n")
        d.process.send_signal(signal.SIGHUP)
        until(lambda: d.has("the configuration stays as it was"), "the refusal")
        equal(served(d), "renewed")


class Member:
    """An etcd that speaks TLS only, with those alone who have a certificate of the CA's."""

    def __init__(self, world):
        self.world = world
        program = find_etcd()
        self.port, peer = free_ports(2)
        files = dict(zip(("--cert-file", "--key-file"), world.server))
        peer_url = f"http://127.0.0.1:{peer}"
        self.process = subprocess.Popen(
            [program, "--name", "m", "--data-dir", f"{world.folder}/m",
             "--listen-client-urls", f"https://127.0.0.1:{self.port}",
             "--advertise-client-urls", f"https://localhost:{self.port}",
             "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
             "--initial-cluster", f"m={peer_url}", "--client-cert-auth",
             "--trusted-ca-file", world.ca.certificate, *(word for item in files.items() for word in item)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "ETCD_UNSUPPORTED_ARCH": os.uname().machine})
        until(self.healthy, "etcd to be healthy")

    def healthy(self):
        own = context(self.world.ca)
        own.load_cert_chain(*self.world.server)
        c = http.client.HTTPSConnection("localhost", self.port, timeout=PATIENCE, context=own)
        try:
            c.request("GET", "/health")
            return b'"true"' in c.getresponse().read()
        except OSError:
            return False
        finally:
            c.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()


def on_etcd(member, *args, host="localhost"):
    return Daemon("linnet-rpcd", "--store", f"etcd:https://{host}:{member.port}", "--etcd-timeout", "1",
                  "--etcd-total-timeout", "2", *args)


def fault(function, *args):
    try:
        value = function(*args)
    except Fault as f:
        return f.faultString
    raise AssertionError(f"{args} returned {value!r}")


def plain(daemon):
    return xmlrpc.client.ServerProxy(f"http://127.0.0.1:{daemon.port('tcp')}/", allow_none=True)


@test("etcd by https: with its CA and a certificate of ours; without either no call gets through")
def _():
    with World() as w, Member(w) as m:
        ours = ["--etcd-certificate", w.server[0], "--etcd-key", w.server[1]]
        trusted = ["--etcd-ca", w.ca.certificate]
        with on_etcd(m, *trusted, *ours) as d:
            plain(d).set("foo", [1, None])
            equal(plain(d).get("foo"), [1, None])
        # Another process finds it there
        with on_etcd(m, *trusted, *ours) as d:
            equal(plain(d).get("foo"), [1, None])
        stranger = w.other.issue("stranger")
        cases = (
            ("another CA", ["--etcd-ca", w.other.certificate, *ours], "localhost", "certificate"),
            ("the system's CAs", ours, "localhost", "certificate"),
            ("no certificate of ours", trusted, "localhost", None),
            ("a certificate of another CA",
             [*trusted, "--etcd-certificate", stranger[0], "--etcd-key", stranger[1]], "localhost", None),
            ("another name", [*trusted, *ours], "127.0.0.1", "127.0.0.1"))

        def check(what, args, host, line):
            with on_etcd(m, *args, host=host) as d:
                text = fault(plain(d).set, "foo", what)
                assert text.startswith("<class 'ConnectionError'>:etcd: "), (what, text)
                assert not line or d.has(f"etcd.*{line}"), (what, d.lines)

        # At once: each of them tries as long as it may
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(check, *case) for case in cases]:
                done.result()
        with on_etcd(m, *trusted, *ours) as d:
            equal(plain(d).get("foo"), [1, None])


main()
