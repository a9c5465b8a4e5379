# SPDX-License-Identifier: GPL-2.0-or-later
"""
Other people's mail servers for tests, Debian's, unpacked into build/mail-servers.

	with Postfix(folder, local={"postfix.test": ["ann"]}, routes={"linnet.test": 2525}) as p:
	    p.port                              # it answers there
	    p.maildir("ann", "postfix.test")    # folder that it delivers into
	    p.log(), p.queue()

	with Sink(folder, "-q", ...) as s:      # Postfix's smtp-sink: s.port, s.messages()
	source("-s", "20", "-m", "1000", "127.0.0.1:25")

All run as root only: what they are made of changes users. Whoever may not raises Skip.
"""
import glob
import grp
import os
import pwd
import re
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
# pylint: disable=wrong-import-position
from harness import PATIENCE, Skip, until
from unpacked import Unpacked

DEBIAN = Unpacked("mail-servers", {
    **{name: "postfix" for name in ("master", "postconf", "postqueue", "postsuper", "smtp-source", "smtp-sink",
                                    "sendmail", "postmap", "postlog")}}, libraries=["usr/lib/postfix"], places=["usr/lib/postfix/sbin"])
# Their own users are not on a machine where they are not installed
OWNER, GROUP = "mail", "games"


def free_port(address="127.0.0.1"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def need_root():
    if os.getuid():
        raise Skip("Debian's mail servers change users: for root only")


def user_ids(name):
    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid


def greets(port, address="127.0.0.1"):
    """Somebody greets with 220 at a port."""
    try:
        with socket.create_connection((address, port), 1) as s:
            s.settimeout(2)
            return s.recv(4) == b"220 "
    except OSError:
        return False


def _write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def children(pid):
    """A process and all that it started."""
    todo, found = [pid], []
    while todo:
        pid = todo.pop()
        found.append(pid)
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            try:
                with open(path, encoding="ascii") as f:
                    todo += map(int, f.read().split())
            except FileNotFoundError:
                pass
    return found


def alive(pid):
    """There is such a process, and it has not ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def processor_time(pid):
    """Nanoseconds, to a tick, that a process and what it started have run, also what has ended since."""
    ticks = 0
    for child in children(pid):
        try:
            with open(f"/proc/{child}/stat", encoding="utf-8", errors="replace") as f:
                # utime, stime, cutime, cstime, behind the name in brackets (proc(5))
                ticks += sum(map(int, f.read().rpartition(")")[2].split()[11:15]))
        except FileNotFoundError:
            pass
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Process:
    """A server in the foreground; what it says is in a file of its folder."""

    def __init__(self, name, folder, command, ready, environment=None, launcher=()):
        self.name, self.log_file = name, os.path.join(folder, f"{name}.out")
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*launcher, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                env=environment or DEBIAN.environment(), start_new_session=True)
        try:
            until(lambda: ready() or self.process.poll() is not None, f"{name} to be ready")
            if self.process.poll() is not None:
                raise AssertionError(f"{name} ended with {self.process.returncode}")
        except AssertionError as e:
            self.end()
            raise AssertionError(f"{e}:\n{self.log()}") from None

    def log(self):
        with open(self.log_file, encoding="utf-8", errors="replace") as f:
            return f.read()

    def processor_time(self):
        return processor_time(self.process.pid)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        """End it and what it started at once."""
        kill(reversed(children(self.process.pid)))
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()
        if exc[0] and not issubclass(exc[0], Skip):
            for line in self.log().splitlines()[-15:]:
                print(f"#   {self.name}: {line}")


QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "private",
          "public", "saved", "trace")
SERVICES = """postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


class Postfix(Process):
    """
    Debian's Postfix at 127.0.0.1.
    @local: {domain: [user, ...]} delivered into Maildirs
    @routes: {domain: port} at 127.0.0.1; the rest is refused, or goes to @smarthost (a port)
    @certificate: (file, key): STARTTLS is offered
    @more: lines for main.cf
    """

    def __init__(self, folder, local=None, routes=None, smarthost=None, certificate=None, more="", hostname="postfix.test",
                 launcher=()):
        need_root()
        master = DEBIAN.find("master")
        self.folder, self.port = folder, free_port()
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        owner, _ = user_ids(OWNER)
        group = grp.getgrnam(GROUP).gr_gid
        self.spool, self.data, self.boxes = (os.path.join(folder, name) for name in ("spool", "data", "boxes"))
        for path, uid, gid, mode in ((self.spool, 0, 0, 0o755), (self.data, owner, 0, 0o700), (self.boxes, owner, 0, 0o755),
                                     (f"{self.spool}/pid", 0, 0, 0o755),
                                     *((f"{self.spool}/{q}", owner, 0, 0o700) for q in QUEUES)):
            os.makedirs(path, exist_ok=True)
            os.chown(path, uid, gid)
            os.chmod(path, mode)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            os.chown(f"{self.spool}/{name}", owner, group)
            os.chmod(f"{self.spool}/{name}", mode)
        boxes = "".join(f"{user}@{domain} {domain}/{user}/\n" for domain, users in (local or {}).items() for user in users)
        text = f"""compatibility_level = 3.6
queue_directory = {self.spool}
data_directory = {self.data}
daemon_directory = {os.path.dirname(master)}
command_directory = {DEBIAN.folder}/usr/sbin
shlib_directory = {DEBIAN.folder}/usr/lib/postfix
meta_directory = {folder}
mail_owner = {OWNER}
setgid_group = {GROUP}
default_privs = nobody
maillog_file = {folder}/postfix.log
maillog_file_prefixes = /
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LD_LIBRARY_PATH LD_PRELOAD
export_environment = TZ MAIL_CONFIG LD_LIBRARY_PATH
myhostname = {hostname}
myorigin = {hostname}
mydestination =
inet_protocols = ipv4
inet_interfaces = 127.0.0.1
mynetworks = 127.0.0.0/8
smtp_host_lookup = native
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_base = {self.boxes}
virtual_mailbox_domains = {" ".join(local or {})}
virtual_mailbox_maps = texthash:{_write(f"{folder}/boxes.map", boxes)}
virtual_uid_maps = static:{owner}
virtual_minimum_uid = 1
virtual_gid_maps = static:{user_ids(OWNER)[1]}
transport_maps = texthash:{_write(f"{folder}/transport.map",
                                  "".join(f"{d} smtp:[127.0.0.1]:{p}" + chr(10) for d, p in (routes or {}).items()))}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
disable_dns_lookups = yes
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtp_destination_concurrency_limit = 20
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
biff = no
"""
        if smarthost:
            text += f"relayhost = [127.0.0.1]:{smarthost}\n"
        if certificate:
            text += (f"smtpd_tls_cert_file = {certificate[0]}\nsmtpd_tls_key_file = {certificate[1]}\n"
                     "smtpd_tls_security_level = may\n")
        text += "smtp_tls_security_level = may\n" + more + "\n"
        self.launcher, self.master = launcher, master
        _write(f"{folder}/main.cf", text)
        _write(f"{folder}/master.cf", f"127.0.0.1:{self.port} inet n - n - - smtpd\n" + SERVICES)
        for name in ("dynamicmaps.cf", "postfix-files"):
            _write(f"{folder}/{name}", "")
        self.start()

    def start(self):
        """Start it (again)."""
        super().__init__("postfix", self.folder, [self.master, "-d", "-c", self.folder], lambda: greets(self.port),
                         launcher=self.launcher, environment={**DEBIAN.environment(), "MAIL_CONFIG": self.folder})

    def end(self):
        # What the master leaves behind holds the lock that the next one wants
        left = children(self.process.pid)[1:]
        super().end()
        kill(left)
        until(lambda: not any(map(alive, left)), "Postfix's processes to end")

    def maildir(self, user, domain):
        return os.path.join(self.boxes, domain, user)

    def log(self):
        text = super().log()
        try:
            with open(f"{self.folder}/postfix.log", encoding="utf-8", errors="replace") as f:
                text += f.read()
        except FileNotFoundError:
            pass
        return text

    def queue(self):
        """Names of messages that it has taken and that are not done yet: the mode says that a file is whole."""
        found = []
        for q in ("incoming", "active", "deferred", "maildrop"):
            for folder, _, files in os.walk(f"{self.spool}/{q}"):
                for name in files:
                    try:
                        if os.stat(os.path.join(folder, name)).st_mode & 0o100:
                            found.append(name)
                    except FileNotFoundError:
                        pass
        return found


class Sink(Process):
    """Postfix's smtp-sink; messages that it took are files when dump is asked for."""

    def __init__(self, folder, *options, dump=True, backlog=100):
        self.folder, self.port = os.path.join(folder, "sink"), free_port()
        os.makedirs(self.folder, exist_ok=True)
        words = ["-u", OWNER] if not os.getuid() else []
        if words:
            os.chown(self.folder, *user_ids(OWNER))
        if dump:
            words += ["-d", "%M."]
        # What a message came with is in its first lines, X-Client-Addr and others
        super().__init__("smtp-sink", folder, [DEBIAN.find("smtp-sink"), "-R", self.folder, *words, *options,
                                               f"127.0.0.1:{self.port}", str(backlog)],
                         lambda: greets(self.port))

    def messages(self):
        """Paths of what was taken."""
        return sorted(glob.glob(os.path.join(self.folder, "*.*")))


def source(*words, timeout=120, **kw):
    """Postfix's smtp-source, to its end."""
    done = subprocess.run([DEBIAN.find("smtp-source"), *words], env=DEBIAN.environment(), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False, **kw)
    if done.returncode or done.stderr:
        raise AssertionError(f"smtp-source {words}: {done.returncode} {done.stdout[-500:]}{done.stderr[-1500:]}")
    return done


def messages(maildir):
    """What was delivered into a Maildir: {name: octets}, new and seen."""
    found = {}
    for sub in ("new", "cur"):
        for path in glob.glob(os.path.join(maildir, sub, "*")):
            with open(path, "rb") as f:
                found[os.path.basename(path)] = f.read()
    return found


def wait_for_messages(maildir, count, patience=None):
    """As soon as there are so many; more are an error."""
    until(lambda: len(messages(maildir)) >= count, f"{count} messages in {maildir}", patience)
    found = messages(maildir)
    if len(found) != count:
        raise AssertionError(f"{len(found)} messages in {maildir}, not {count}")
    return found


def header(message, name):
    """The values of a header field, unfolded."""
    head = message.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].decode("utf-8", "replace")
    head = re.sub(r"\n[ \t]+", " ", head)
    return [m[1] for m in re.finditer(rf"(?mi)^{re.escape(name)}:[ \t]*(.*)$", head)]
