#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Other people's POP3 clients, and Debian's Dovecot with IMAP on the same Maildirs."""
import email
import email.policy
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "pop3"))
# pylint: disable=wrong-import-position
from clients import CLIENT_PATIENCE, PLAIN, TLS, each_way, need_program
from harness import PATIENCE, Skip, equal, main, temporary_folder, until
from server import Pop3d
from peers import Process, free_port, need_root
from unpacked import Unpacked

WORD = "ann's word"
# What passes every octet on must pass these
ATTACHMENT = bytes(range(256)) * 200
DIGEST = hashlib.sha256(ATTACHMENT).hexdigest()
# pylint: disable=consider-using-f-string


def message(subject, attachment=b""):
    m = email.message.EmailMessage(policy=email.policy.default)
    m["From"], m["To"], m["Subject"], m["Date"], m["Message-ID"] = (
        "x@sender.test", "ann@pop.test", subject, "Thu, 01 Jan 2026 00:00:00 +0000", f"<{subject.replace(' ', '.')}@sender.test>")
    m.set_content(".\n..dots\n.\nFrom here\n" + "x" * 70 + "\n")
    if attachment:
        m.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="octets")
    return bytes(m)


TEXTS = [message("first"), message("second", ATTACHMENT), message("third")]


def fill(d, user="ann"):
    for text in TEXTS:
        d.put(user, text)


def attached(data):
    """The attachment's hash."""
    parts = [p for p in email.message_from_bytes(data, policy=email.policy.default).walk() if p.get_filename() == "octets"]
    return hashlib.sha256(parts[0].get_content()).hexdigest() if parts else None


def carried(d, way):
    transports = {m[1] for line in list(d.lines) if (m := re.search(r"connected \((\w+)\)", line))}
    equal(transports, {way.transport}, "transports of the connections")


def read(path):
    with open(path, "rb") as f:
        return f.read()


@each_way("curl: list, fetch, delete; STLS and TLS from the start")
def _(way):
    with Pop3d(tls=True) as d:
        fill(d)
        plain, secure = d.where(way.transport), d.where(way.transport, TLS)
        curl = ["curl", "-sS", "--max-time", "60", "-u", f"ann:{WORD}", "--cacert", d.certificate]
        for base, more in ((f"pop3://{PLAIN}:{plain}", []), (f"pop3://{PLAIN}:{plain}", ["--ssl-reqd"]), (f"pop3s://{TLS}:{secure}", [])):
            for auth in ("PLAIN", "LOGIN"):
                out = way.run(*curl, *more, "--login-options", f"AUTH={auth}", f"{base}/").stdout.split()
                equal([int(n) for n in out[::2]], [1, 2, 3], f"{base} {auth}")
            got = way.run(*curl, *more, f"{base}/2").stdout
            equal((got.replace(b"\r\n", b"\n"), attached(got)), (TEXTS[1], DIGEST), f"{base} {more}")
            equal(way.run(*curl, *more, "-X", "UIDL", f"{base}/").stdout.split()[1::2], sorted(f[4:].split(":")[0].encode() for f in d.files()), "UIDL")
        way.run(*curl, "-I", "-X", "DELE 1", f"pop3://{PLAIN}:{plain}/")
        until(lambda: len(d.files()) == 2, "the deletion")
        way.run("curl", "-sS", "-u", "ann:wrong", f"pop3://{PLAIN}:{plain}/", status=67)
        carried(d, way)


@each_way("mpop: fetch into a Maildir, nothing twice, delete; PLAIN, LOGIN, SCRAM-SHA-256 and USER; TLS")
def _(way):
    need_program("mpop")
    with Pop3d(tls=True) as d:
        for name, (user, word, auth, address, tls) in {
                "USER": ("ann", WORD, "user", PLAIN, ["--tls=off"]), "PLAIN": ("ann", WORD, "plain", PLAIN, ["--tls=on", "--tls-starttls=on"]),
                "LOGIN": ("ann", WORD, "login", TLS, ["--tls=on", "--tls-starttls=off"]),
                "SCRAM": ("scram", "its word", "scram-sha-256", PLAIN, ["--tls=off"])}.items():
            for path in d.files(user):
                os.unlink(os.path.join(d.box(user), path))
            fill(d, user)
            out = os.path.join(d.folder, name)
            for sub in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(out, sub))
            secret = d.write(f"secret-{name}", word)
            port = d.where(way.transport, address)

            def mpop(*more):
                way.run("mpop", f"--host={address}", f"--port={port}", f"--user={user}", f"--passwordeval=cat {secret}", f"--auth={auth}",
                        f"--delivery=maildir,{out}", f"--uidls-file={d.folder}/uidls-{name}", "--pipelining=auto", "--received-header=off",
                        f"--tls-trust-file={d.certificate}", *tls, *more, env={**os.environ, "HOME": d.folder})
            for _ in range(2):
                mpop("--keep=on")
                equal(sorted(read(f) for f in glob.glob(f"{out}/new/*")), sorted(TEXTS), f"{name}: what was fetched")
                equal(len(d.files(user)), 3, f"{name}: kept")
            fresh = message("fourth")
            d.put(user, fresh)
            mpop("--keep=off")
            equal(sorted(read(f) for f in glob.glob(f"{out}/new/*")), sorted([*TEXTS, fresh]), f"{name}: the new one")
            equal(d.files(user), [], f"{name}: removed")
        carried(d, way)


@each_way("fetchmail: fetch with STLS, keep, then remove")
def _(way):
    need_program("fetchmail")
    with Pop3d(tls=True) as d:
        fill(d)
        rc = os.path.join(d.folder, "fetchmailrc")
        box = os.path.join(d.folder, "box")
        script = d.write("mda", f"#!/bin/sh\ncat >> {box}\nprintf '\\n--end--\\n' >> {box}\n")
        os.chmod(script, 0o755)

        def fetch(tls, keep, status=0):
            with open(rc, "w", encoding="utf-8") as f:
                f.write(f'poll {PLAIN} service {d.where(way.transport)} protocol pop3 uidl\n  user "ann" password "{WORD}" is root here '
                        f'{"keep" if keep else "nokeep"} sslproto "{"auto" if tls else ""}" sslcertfile {d.certificate} '
                        f'no rewrite mda {script}\n')
            os.chmod(rc, 0o600)
            way.run("fetchmail", "-f", rc, "--nodetach", "--nosyslog", "--idfile", f"{d.folder}/ids", "--pidfile", f"{d.folder}/pid",
                    "--nosslcertck", "--invisible", status=status, env={**os.environ, "HOME": d.folder, "FETCHMAILHOME": d.folder})
        fetch(tls=True, keep=True)
        got = [x.lstrip(b"\n") for x in read(box).split(b"\n--end--\n")[:-1]]
        equal([x.replace(b"\r\n", b"\n") for x in got], TEXTS, "what was fetched")
        equal(attached(got[1]), DIGEST, "the attachment")
        # 1: there was no new mail
        fetch(tls=True, keep=True, status=1)
        d.put("ann", message("fourth"))
        fetch(tls=False, keep=False)
        equal(read(box).count(b"\n--end--\n"), 4, "the new one only")
        carried(d, way)
        # By TCP
        equal(d.metric("linnet_pop3_stls_total"), 2, "STLS")


POPLIB = """
import poplib, ssl, sys, hashlib
host, port, kind, word = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=sys.argv[5])
p = poplib.POP3_SSL(host, port, context=context, timeout=60) if kind == "pop3s" else poplib.POP3(host, port, timeout=60)
if kind == "stls":
    p.stls(context)
assert "UIDL" in p.capa(), p.capa()
p.user("ann"); p.pass_(word)
n, octets = p.stat()
sizes = [int(x.split()[1]) for x in p.list()[1]]
assert (n, octets) == (len(sizes), sum(sizes)) and len(p.uidl()[1]) == n
for i in range(1, n + 1):
    data = b"".join(x + b"\\r\\n" for x in p.retr(i)[1])
    assert len(data) == sizes[i - 1], (len(data), sizes)
    assert p.top(i, 0)[1][0] == data.split(b"\\r\\n")[0]
    print(hashlib.sha256(data).hexdigest())
p.dele(1); p.rset(); p.noop(); p.dele(1)
p.quit()
"""


@each_way("Python's poplib: all of it, in the clear, by STLS and with TLS")
def _(way):
    with Pop3d(tls=True) as d:
        left = list(TEXTS)
        fill(d)
        for kind, address in (("pop3", PLAIN), ("stls", PLAIN), ("pop3s", TLS)):
            out = way.run(sys.executable, "-c", POPLIB, address, str(d.where(way.transport, address)), kind, WORD, d.certificate)
            equal(out.stdout.decode().split(), [hashlib.sha256(t.replace(b"\n", b"\r\n")).hexdigest() for t in left], kind)
            left.pop(0)
            equal(len(d.files()), len(left), "removed")
        carried(d, way)


# --- Dovecot ---

DEBIAN = Unpacked("imap-servers", {"dovecot": "dovecot-core", "imap": "dovecot-imapd"},
                  libraries=["usr/lib/dovecot"], places=["usr/lib/dovecot"])
# Its own users are not on a machine where it is not installed
OWNER = "mail"


class Dovecot(Process):
    """IMAP on Maildirs below a folder, for one user, at a port of loopback."""

    def __init__(self, folder, mail_root, launcher=()):
        _, _ = DEBIAN.find("dovecot"), DEBIAN.find("imap")
        # It looks for its parts below /usr only: there they are, for it alone
        private = ["unshare", "-m", "sh", "-c", f"mount -t overlay -o lowerdir={DEBIAN.folder}/usr:/usr overlay /usr && exec \"$@\"", "sh"]
        if not shutil.which("unshare") or subprocess.run([*private, "true"], capture_output=True, check=False).returncode:
            raise Skip("no folders of one's own here: unshare, overlay")
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.port = free_port()
        users = os.path.join(folder, "passwd")
        with open(users, "w", encoding="utf-8") as f:
            f.write(f"ann:{{PLAIN}}{WORD}\n")
        conf = os.path.join(folder, "dovecot.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"""
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
default_internal_user = {OWNER}
default_internal_group = {OWNER}
default_login_user = nobody
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{mail_root}/%n
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {users}
}}
userdb {{
  driver = static
  args = uid={OWNER} gid={OWNER} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
namespace inbox {{
  inbox = yes
}}
""")
        super().__init__("dovecot", folder, [*private, *launcher, "dovecot", "-F", "-c", conf], lambda: self.greets(launcher), dict(os.environ))

    def greets(self, launcher):
        """Its greeting comes, by the way that clients come."""
        done = subprocess.run([*launcher, sys.executable, "-c", "import socket,sys\ns=socket.create_connection(('127.0.0.1',int(sys.argv[1])),5)\n"
                               "s.settimeout(5)\nsys.exit(not s.recv(100).startswith(b'* OK'))", str(self.port)],
                              capture_output=True, timeout=PATIENCE, check=False)
        return done.returncode == 0


IMAP = """
import imaplib, sys, hashlib
m = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]), timeout=60)
m.login("ann", sys.argv[2])
m.select("INBOX")
def ok(r):
    assert r[0] == "OK", r
    return r[1]
def show():
    for n in ok(m.search(None, "ALL"))[0].split():
        flags = imaplib.ParseFlags(ok(m.fetch(n, "(FLAGS)"))[0])
        data = ok(m.fetch(n, "(BODY.PEEK[])"))[0][1]
        print(hashlib.sha256(data).hexdigest(), "seen" if b"\\\\Seen" in flags else "-", len(data))
for word in sys.argv[3:]:
    command, _, number = word.partition(":")
    if command == "show":
        show()
    elif command == "seen":
        ok(m.store(number, "+FLAGS", "(\\\\Seen \\\\Flagged)"))
    elif command == "expunge":
        ok(m.store(number, "+FLAGS", "(\\\\Deleted)")); ok(m.expunge())
    elif command == "append":
        ok(m.append("INBOX", None, None, open(number, "rb").read().replace(b"\\n", b"\\r\\n")))
m.logout()
"""


@each_way("Dovecot's IMAP and our POP3 on one Maildir: messages, marks, removals, additions")
def _(way):
    launcher = way.launcher() if way.launcher else ()
    need_root()
    with temporary_folder() as folder, Pop3d(owner=OWNER) as d:
        os.chmod(folder, 0o755)
        fill(d)
        with Dovecot(folder, d.mail_root, launcher) as imap:
            def ask(*words):
                out = way.run(sys.executable, "-c", IMAP, str(imap.port), WORD, *words).stdout.decode().splitlines()
                return [tuple(x.split()) for x in out]

            def shows(*texts):
                return [(hashlib.sha256(t.replace(b"\n", b"\r\n")).hexdigest(), mark, str(len(t.replace(b"\n", b"\r\n")))) for t, mark in texts]
            equal(ask("show"), shows((TEXTS[0], "-"), (TEXTS[1], "-"), (TEXTS[2], "-")), "what was delivered")
            with d.login() as s:
                before = s.lines("UIDL")[1]
                equal(len(before), 3, "messages")
                # While POP3 has it open, IMAP moves and marks its files
                ask("seen:1", "show")
                equal(s.message("RETR 1"), TEXTS[0].replace(b"\n", b"\r\n"), "a message that IMAP has marked")
                equal(s.message("RETR 2"), TEXTS[1].replace(b"\n", b"\r\n"), "another")
                s.expect("DELE 3", r"\+OK.*")
                s.expect("QUIT", r"\+OK bye")
            equal(ask("show"), shows((TEXTS[0], "seen"), (TEXTS[1], "seen")), "after POP3 read two and removed one")
            with d.login() as s:
                equal(s.lines("UIDL")[1], before[:2], "UIDL is the same after all that")
                s.expect("QUIT", r"\+OK bye")
            extra = os.path.join(folder, "extra")
            with open(extra, "wb") as f:
                f.write(message("appended"))
            ask("expunge:1", f"append:{extra}")
            with d.login() as s:
                equal([int(x.split()[1]) for x in s.lines("LIST")[1]], [len(t.replace(b"\n", b"\r\n")) for t in (TEXTS[1], message("appended"))],
                      "sizes after IMAP removed one and added one")
                equal(s.message("RETR 2"), message("appended").replace(b"\n", b"\r\n"), "what IMAP added")
                equal(s.lines("UIDL")[1][0].split()[1], before[1].split()[1], "UIDL of the one that stayed")


if __name__ == "__main__":
    main()
