# SPDX-License-Identifier: GPL-2.0-or-later
"""
linnet-dnsd for tests, seen from outside.

	with Dnsd(folder, [Zone("example.org", file=path)]) as d:
	    wire.udp("127.0.0.1", d.port, octets)

Zones, peers and keys are those of servers.py. By keyword: keys, more (text for its configuration),
tls=True (then .tls_port and .certificate), stream_timeout (seconds), workers, cpu, log_level.
"""
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
# pylint: disable=wrong-import-position
from harness import PATIENCE, Daemon, Skip, program, until
from servers import free_port
import wire


def available():
    """Raises Skip where the program is not built."""
    try:
        path = program("linnet-dnsd")
    except SystemExit as e:
        raise Skip(str(e)) from None
    return path


def certificate(folder, name="dns.test"):
    """A certificate and its key for 127.0.0.1, as files."""
    cert, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "1", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
                        "-out", cert, "-keyout", key], check=True, stderr=subprocess.DEVNULL, timeout=PATIENCE)
    except FileNotFoundError:
        raise Skip("openssl is not installed") from None
    os.chmod(key, 0o644)
    return cert, key


def endpoint(peer):
    """A server as the configuration names it."""
    address = f"[{peer.address}]" if ":" in peer.address else peer.address
    return f'"{address}:{peer.port}{f" key {peer.key}" if peer.key else ""}"'


def who(peer):
    return f'"{peer.address}{f" key {peer.key}" if peer.key else ""}"'


def zone_section(z):
    """A zone of servers.py as a section."""
    lines = [f'\tfile = "{z.file}"'] if z.file else []
    for word, peers, form in (("primaries", z.primaries, endpoint), ("notify", z.notify, endpoint),
                              ("allow-transfer", z.transfer, who), ("allow-update", z.update, who)):
        if peers:
            lines.append(f"\t{word} = {{{', '.join(form(p) for p in peers)}}}")
    lines += [f"\t{line}" for line in z.more.splitlines()]
    return f'zone "{z.name}" {{\n' + "\n".join(lines) + "\n}\n"


class Dnsd(Daemon):
    """linnet-dnsd that is ready: it has answered for each zone that has a file."""

    def __init__(self, folder, zones=(), keys=None, more="", tls=False, stream_timeout=None, workers=1, cpu=None,
                 log_level="info", port=0):
        available()
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.folder, self.zones, self.address = folder, list(zones), "127.0.0.1"
        self.port = port or free_port()
        self.conf, self.tls_port = os.path.join(folder, "linnet-dnsd.conf"), None
        text = f'listen = {{"127.0.0.1:{self.port}"}}\nworkers = {workers}\nstate-directory = "{folder}/state"\n'
        if tls:
            self.tls_port = free_port()
            self.certificate, key = certificate(folder)
            text += f'tls-listen = {{"127.0.0.1:{self.tls_port}"}}\n'
            text += f'certificate {{\n\tfile = "{self.certificate}"\n\tkey = "{key}"\n}}\n'
        if stream_timeout:
            text += f'limits {{\n\tidle-time = "{stream_timeout}s"\n}}\n'
        for name, (algorithm, secret) in (keys or {}).items():
            text += f'key "{name}" {{\n\talgorithm = "{algorithm}"\n\tsecret = "{secret}"\n}}\n'
        text += more + "\n" + "".join(map(zone_section, self.zones))
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text)
        os.makedirs(os.path.join(folder, "state"), exist_ok=True)
        super().__init__("linnet-dnsd", "-c", self.conf, "--log-level", log_level, ports=())
        if cpu is not None:
            processors = sorted(os.sched_getaffinity(0))
            for pid in self.processes():
                os.sched_setaffinity(pid, {processors[cpu % len(processors)]})
        try:
            for z in self.zones:
                if z.file:
                    until(lambda z=z: self.serves(z.name), f"linnet-dnsd to answer for {z.name}")
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise

    def serves(self, zone):
        query = wire.message(7, 0, [wire.question(wire.name(zone + "."), wire.SOA)])
        answer = wire.udp(self.address, self.port, query, 0.2)
        return answer is not None and answer[3] & 15 == wire.NOERROR

    def processes(self):
        """The master, the keeper and the workers."""
        todo, out = [self.process.pid], []
        while todo:
            pid = todo.pop()
            out.append(pid)
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                with open(path, encoding="ascii") as f:
                    todo += map(int, f.read().split())
        return out

    def memory(self):
        """Kilobytes of memory that no file backs, of all its processes."""
        total = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("RssAnon:"))
        return total

    def processor_time(self):
        """Nanoseconds that its processes have run."""
        total = 0
        for pid in self.processes():
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                with open(path, encoding="ascii") as f:
                    total += int(f.read().split()[0])
        return total
