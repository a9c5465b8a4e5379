# SPDX-License-Identifier: GPL-2.0-or-later
"""
Debian's name servers for tests: NSD, Knot, BIND and Unbound, each as its package has it, but
only unpacked into build/dns-servers, as installing a package would start its service.

	with temporary_folder() as folder:
	    zone = Zone("example.org", file="/path/of/example.org.zone",
	                transfer=[Peer("127.0.0.1")], notify=[Peer("127.0.0.1", 5353)])
	    with nsd(folder, [zone]) as server:          # ready: it has answered
	        ask("127.0.0.1", server.port, "example.org", "SOA")
	        server.end()                             # or leave the with

nsd(), knot(), bind() take a folder of their own, zones, and by keyword: address, port (0: a
free one for UDP and TCP), keys={name: (algorithm, secret)}, more (text for the configuration
of the server), launcher (words before the command, as ["ip", "netns", "exec", N]), wait=False
(do not wait for answers), cpu (the processor to run on). unbound() takes no zones but
root_hints=, trust_anchor_file=, stubs={zone: [Peer]}, forwards={zone: [Peer]}.

Zone.file makes a primary, Zone.primaries a secondary, whose file is Server.zone_file(name).
Peer is an address, a port and the name of a key. A server that is asked for but cannot be
had raises harness.Skip with the reason.

Server has .address, .port, .conf, .log() (all it said), .end(), .kill(), .hup(), .control(words...)
for nsd-control and knotc, .processor_time().
"""
import glob
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
sys.path.insert(0, os.path.join(HERE, ".."))
# pylint: disable=wrong-import-position
from harness import PATIENCE, Skip
from unpacked import Unpacked

PACKAGE_OF = {"nsd": "nsd", "nsd-checkzone": "nsd", "nsd-control": "nsd",
              "knotd": "knot", "knotc": "knot", "named": "bind9",
              "unbound": "unbound", "unbound-control": "unbound",
              "keymgr": "knot-dnssecutils", "kzonesign": "knot-dnssecutils"}
UNPACKED = Unpacked("dns-servers", PACKAGE_OF)
environment = UNPACKED.environment
find = UNPACKED.find


class Peer:
    """Another server: for whom or from whom."""

    def __init__(self, address, port=53, key=None):
        self.address, self.port, self.key = address, port, key


class Zone:
    """A zone: a primary's when it has a file, a secondary's when it has primaries."""

    def __init__(self, name, file=None, primaries=(), transfer=(), notify=(), update=(), more=""):
        self.name, self.file = name.rstrip(".") or ".", file
        self.primaries, self.transfer = list(primaries), list(transfer)
        self.notify, self.update, self.more = list(notify), list(update), more
        if not file and not primaries:
            raise ValueError(f"zone {name} has neither file nor primaries")


def free_port(address="127.0.0.1"):
    """A port that is free for UDP and TCP at an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        with socket.socket(family, socket.SOCK_DGRAM) as u, socket.socket(family) as t:
            u.bind((address, 0))
            try:
                t.bind((address, u.getsockname()[1]))
            except OSError:
                continue
            return u.getsockname()[1]


def wire_name(text):
    """A name without escapes in wire form."""
    return b"".join(bytes([len(x)]) + x.encode() for x in text.rstrip(".").split(".") if x) + b"\0"


TYPES = {"A": 1, "NS": 2, "SOA": 6, "TXT": 16, "AAAA": 28, "DNSKEY": 48}


def ask(address, port, name, rtype="SOA", timeout=1.0, flags=0):
    """One query by UDP: the response as octets, or None. For readiness; not a resolver."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    number = random.randrange(65536)
    query = struct.pack("!6H", number, flags, 1, 0, 0, 0) + wire_name(name) + struct.pack(
        "!2H", TYPES[rtype], 1)
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        try:
            s.connect((address, port))
            s.send(query)
            answer = s.recv(65535)
        except OSError:
            return None
    return answer if answer[:2] == query[:2] else None


class Server:
    """A server in the foreground; what it says is in a file of its folder."""

    def __init__(self, name, folder, command, address, port, launcher=(), cpu=None, control=None):
        self.name, self.folder, self.address, self.port = name, folder, address, port
        self.launcher, self.command, self.cpu = list(launcher), command, cpu
        self._control, self.conf = control, None
        self.process = None
        self.start()

    def start(self):
        """Start it (again)."""
        pin = None
        if self.cpu is not None:
            processors = sorted(os.sched_getaffinity(0))
            chosen = processors[self.cpu % len(processors)]
            pin = lambda: os.sched_setaffinity(0, {chosen})  # noqa: E731
        with open(f"{self.folder}/{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                self.launcher + self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=environment(), preexec_fn=pin)

    def log(self):
        with open(f"{self.folder}/{self.name}.log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def _answers(self, zone):
        if not self.launcher:
            answer = ask(self.address, self.port, zone, "SOA", timeout=0.2, flags=0x100)
            # SERVFAIL: a zone that is not loaded yet.
            return answer is not None and answer[3] & 15 != 2
        done = subprocess.run(
            [*self.launcher, "dig", "+tries=1", "+time=1", "-p", str(self.port), f"@{self.address}", zone, "SOA"],
            capture_output=True, text=True, check=False)
        return "status: " in done.stdout and "status: SERVFAIL" not in done.stdout

    def ready(self, zones, patience=None):
        """Wait until it answers for each zone with something else than SERVFAIL."""
        end = time.monotonic() + (patience or PATIENCE)
        for zone in zones:
            # Three in a row: while NSD loads a zone anew, an old process of it answers now and then.
            while not all(self._answers(zone) for _ in range(3)):
                if self.process.poll() is not None:
                    raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()}")
                if time.monotonic() > end:
                    raise AssertionError(f"{self.name} does not answer for {zone}:\n{self.log()}")
                time.sleep(0.02)
        return self

    def zone_file(self, name):
        """The file that a secondary keeps a zone in."""
        return os.path.join(self.folder, f"{name.rstrip('.')}.zone")

    def control(self, *words):
        """nsd-control or knotc; returns what it says."""
        done = subprocess.run([*self.launcher, *self._control, *words], env=environment(),
                              capture_output=True, text=True, check=False, timeout=PATIENCE)
        if done.returncode:
            raise AssertionError(f"{self.name}: {words}: {done.stdout}{done.stderr}")
        return done.stdout

    def _processes(self):
        todo = [self.process.pid]
        while todo:
            pid = todo.pop()
            yield pid
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                with open(path, encoding="ascii") as f:
                    todo += map(int, f.read().split())

    def processor_time(self):
        """Nanoseconds that the server and what it started have run."""
        total = 0
        for pid in self._processes():
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                with open(path, encoding="ascii") as f:
                    total += int(f.read().split()[0])
        return total

    def hup(self):
        self.process.send_signal(signal.SIGHUP)

    def end(self):
        """Signal it to end and wait; returns its status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def kill(self):
        """End it and what it started at once."""
        if self.process.poll() is None:
            for pid in reversed(list(self._processes())):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()
        if exc[0] and not issubclass(exc[0], Skip):
            for line in self.log().splitlines()[-8:]:
                print(f"#   {self.name}: {line}")


def _write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def _started(server, conf, zones, wait):
    server.conf = conf
    if wait:
        try:
            # A secondary is ready when it has the zone; its test may want to wait for that itself.
            server.ready([z.name for z in zones if z.file] or ["."])
        except BaseException:
            server.kill()
            raise
    return server


def nsd(folder, zones, *, address="127.0.0.1", port=0, keys=None, more="", launcher=(), wait=True, cpu=None):
    """Debian's NSD with one server process. more is put into the clause "server:"."""
    program, control = find("nsd"), find("nsd-control")
    os.makedirs(folder, exist_ok=True)
    port = port or free_port(address)
    text = f"""server:
	ip-address: {address}@{port}
	server-count: 1
	username: ""
	chroot: ""
	zonesdir: "{folder}"
	database: ""
	pidfile: "{folder}/nsd.pid"
	xfrdfile: "{folder}/xfrd.state"
	xfrdir: "{folder}"
	zonelistfile: "{folder}/zone.list"
	rrl-ratelimit: 0
	rrl-whitelist-ratelimit: 0
	xfrd-reload-timeout: 0
	{more}
remote-control:
	control-enable: yes
	control-interface: "{folder}/nsd.sock"
"""
    for name, (algorithm, secret) in (keys or {}).items():
        text += f'key:\n\tname: "{name}"\n\talgorithm: {algorithm}\n\tsecret: "{secret}"\n'
    for z in zones:
        text += f'zone:\n\tname: "{z.name}"\n\tzonefile: "{z.file or f"{folder}/{z.name}.zone"}"\n'
        for p in z.primaries:
            text += f"\trequest-xfr: {p.address}@{p.port} {p.key or 'NOKEY'}\n"
            text += f"\tallow-notify: {p.address} {p.key or 'NOKEY'}\n"
        for p in z.transfer:
            text += f"\tprovide-xfr: {p.address} {p.key or 'NOKEY'}\n"
        for p in z.notify:
            text += f"\tnotify: {p.address}@{p.port} {p.key or 'NOKEY'}\n"
        text += "".join(f"\t{line}\n" for line in z.more.splitlines())
    conf = _write(f"{folder}/nsd.conf", text)
    return _started(Server("nsd", folder, [program, "-d", "-c", conf], address, port, launcher, cpu,
                           [control, "-c", conf]), conf, zones, wait)


def knot(folder, zones, *, address="127.0.0.1", port=0, keys=None, more="", launcher=(), wait=True, cpu=None):
    """Debian's Knot DNS. more is put into the section "server:"; Zone.more into the zone."""
    program, control = find("knotd"), find("knotc")
    os.makedirs(f"{folder}/knot-db", exist_ok=True)     # which it does not make
    port = port or free_port(address)
    text = f"""server:
    rundir: "{folder}"
    listen: {address}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    {more}
log:
  - target: stderr
    any: info
database:
    storage: "{folder}/knot-db"
"""
    if keys:
        text += "key:\n"
        for name, (algorithm, secret) in keys.items():
            text += f'  - id: {name}\n    algorithm: {algorithm}\n    secret: "{secret}"\n'
    remotes, acls, parts = [], [], []

    def remote(p):
        name = f"r{len(remotes)}"
        remotes.append(f"  - id: {name}\n    address: {p.address}@{p.port}\n" +
                       (f"    key: {p.key}\n" if p.key else ""))
        return name

    def acl(p, action):
        name = f"a{len(acls)}"
        acls.append(f"  - id: {name}\n    address: {p.address}\n    action: {action}\n" +
                    (f"    key: {p.key}\n" if p.key else ""))
        return name

    for z in zones:
        masters, slaves = [remote(p) for p in z.primaries], [remote(p) for p in z.notify]
        rules = ([acl(p, "notify") for p in z.primaries] + [acl(p, "transfer") for p in z.transfer] +
                 [acl(p, "update") for p in z.update])
        part = f'  - domain: "{z.name}"\n    file: "{z.file or f"{folder}/{z.name}.zone"}"\n'
        part += f"    master: [{', '.join(masters)}]\n" if masters else ""
        part += f"    notify: [{', '.join(slaves)}]\n" if slaves else ""
        part += f"    acl: [{', '.join(rules)}]\n" if rules else ""
        # A primary's file is the test's, which Knot must not write.
        part += "    zonefile-sync: -1\n    semantic-checks: off\n" if z.file else "    zonefile-sync: 0\n"
        parts.append(part + "".join(f"    {line}\n" for line in z.more.splitlines()))
    text += ("remote:\n" + "".join(remotes) if remotes else "") + ("acl:\n" + "".join(acls) if acls else "")
    text += "zone:\n" + "".join(parts) if parts else ""
    conf = _write(f"{folder}/knot.conf", text)
    return _started(Server("knot", folder, [program, "-c", conf], address, port, launcher, cpu,
                           [control, "-c", conf]), conf, zones, wait)


def bind(folder, zones, *, address="127.0.0.1", port=0, keys=None, more="", launcher=(), wait=True, cpu=None):
    """Debian's BIND, authoritative unless more (in "options") says otherwise."""
    program = find("named")
    os.makedirs(folder, exist_ok=True)
    port = port or free_port(address)
    six = ":" in address
    recursion = "" if "recursion" in more else "recursion no;"
    text = f"""options {{
	directory "{folder}";
	listen-on{"-v6" if six else ""} port {port} {{ {address}; }};
	listen-on{"" if six else "-v6"} {{ none; }};
	pid-file none;
	lock-file none;
	session-keyfile none;
	managed-keys-directory "{folder}";
	notify explicit;
	{recursion}
	{more}
}};
controls {{ }};
"""
    for name, (algorithm, secret) in (keys or {}).items():
        text += f'key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};\n'

    def servers(peers):
        return " ".join(f'{p.address} port {p.port}{f" key {p.key}" if p.key else ""};' for p in peers)

    def matches(peers):
        return " ".join(f"key {p.key};" if p.key else f"{p.address};" for p in peers) or "none;"
    for z in zones:
        kind = "secondary" if z.primaries else "primary"
        text += f'zone "{z.name}" {{\n\ttype {kind};\n\tfile "{z.file or f"{folder}/{z.name}.zone"}";\n'
        if z.primaries:
            text += f"\tprimaries {{ {servers(z.primaries)} }};\n\tmasterfile-format text;\n"
        else:
            text += f"\tallow-update {{ {matches(z.update)} }};\n\tcheck-names ignore;\n\tcheck-integrity no;\n"
        text += f"\tallow-transfer {{ {matches(z.transfer)} }};\n"
        text += f"\talso-notify {{ {servers(z.notify)} }};\n" if z.notify else ""
        text += "".join(f"\t{line}\n" for line in z.more.splitlines()) + "};\n"
    conf = _write(f"{folder}/named.conf", text)
    return _started(Server("named", folder, [program, "-g", "-n", "1", "-c", conf], address, port, launcher, cpu),
                    conf, zones, wait)


def unbound(folder, *, address="127.0.0.1", port=0, more="", clauses="", root_hints=None, trust_anchor_file=None,
            stubs=None, forwards=None, launcher=(), wait=True, cpu=None):
    """Debian's Unbound with one thread. more is put into "server:", clauses behind it."""
    program = find("unbound")
    os.makedirs(folder, exist_ok=True)
    port = port or free_port(address)
    modules = "validator iterator" if trust_anchor_file else "iterator"
    text = f"""server:
	interface: {address}@{port}
	num-threads: 1
	username: ""
	chroot: ""
	directory: "{folder}"
	pidfile: "{folder}/unbound.pid"
	use-syslog: no
	logfile: ""
	do-daemonize: no
	module-config: "{modules}"
	do-not-query-localhost: no
	access-control: 0.0.0.0/0 allow
	access-control: ::/0 allow
"""
    text += f'\troot-hints: "{root_hints}"\n' if root_hints else ""
    text += f'\ttrust-anchor-file: "{trust_anchor_file}"\n' if trust_anchor_file else ""
    text += "".join(f"\t{line.strip()}\n" for line in more.splitlines())
    for word, table in (("stub", stubs or {}), ("forward", forwards or {})):
        for zone, peers in table.items():
            text += f'{word}-zone:\n\tname: "{zone}"\n'
            text += "".join(f"\t{word}-addr: {p.address}@{p.port}\n" for p in peers)
    text += "remote-control:\n\tcontrol-enable: no\n" + clauses
    conf = _write(f"{folder}/unbound.conf", text)
    server = Server("unbound", folder, [program, "-d", "-p", "-c", conf], address, port, launcher, cpu)
    # localhost is answered by itself, whatever it can reach.
    return _started(server, conf, [Zone("localhost", file="built in")], wait)
