#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-passwd, and logins by PAM."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "pop3"))
# pylint: disable=wrong-import-position
from server import Pop3d, scram
from harness import PATIENCE, Skip, descendants, equal, main, program, temporary_folder, test, until


def passwd(*words, password="", status=0):
    done = subprocess.run([program("linnet-passwd"), *words], input=password, capture_output=True, text=True, check=False, timeout=PATIENCE)
    equal(done.returncode, status, f"{words}: {done.stderr}")
    return done.stderr


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


@test("linnet-passwd: users that a server lets in, by hash and by verifier")
def _():
    with Pop3d() as d:
        users = os.path.join(d.folder, "users")
        passwd(users, "carol", "--scram", "--iterations=4096", "--home=x/carol", password="one two\n")
        d.reload()
        d.put("x/carol", b"A: b\n\n")
        for how in ("USER", "SCRAM"):
            with d.session() as s:
                reply = s.login("carol", "one two") if how == "USER" else scram(s, "carol", "one two")[0]
                equal(reply, "+OK 1 messages (8 octets)", how)
                s.expect("QUIT", r"\+OK bye")


@test("linnet-passwd: what it refuses, and that the file is as it was then")
def _():
    with temporary_folder() as folder:
        users = os.path.join(folder, "users")
        passwd(users, "ann", password="x\n", status=1)
        equal(os.path.exists(users), False, "made without --create")
        passwd(users, "ann", "--create", password="x\n")
        equal(os.stat(users).st_mode & 0o777, 0o600, "mode")
        os.chmod(users, 0o640)
        before = read(users)
        for words, password, status in (
                ((users, "ann"), "", 1), ((users, "ann"), "p" * 600 + "\n", 1), ((users, "nobody", "--keep"), "", 1), ((users, "nobody", "-d"), "", 1),
                ((users, "a:b"), "x\n", 2), ((users, ""), "x\n", 2), ((users, "#a"), "x\n", 2), ((users,), "x\n", 2),
                ((users, "ann", "--quota=lots"), "x\n", 1), ((users, "ann", "--home=a:b"), "x\n", 2), ((users, "ann", "--iterations=5"), "x\n", 2),
                ((users, "ann", "-s", "--no-scram"), "x\n", 2), ((folder, "ann"), "x\n", 1)):
            passwd(*words, password=password, status=status)
            equal(read(users), before, f"{words}")
        link = os.path.join(folder, "link")
        os.symlink("users", link)
        passwd(link, "bob", password="y\n")
        equal((os.path.islink(link), os.stat(users).st_mode & 0o777, read(users).startswith(before)), (True, 0o640, True), "by a symlink")
        passwd(users, "ann", "--keep", "--quota=5m,10")
        equal(read(users).splitlines()[0], before.rstrip("\n") + "::5m,10", "a quota")
        equal(sorted(os.listdir(folder)), ["link", "users"], "left behind")


@test("linnet-passwd: many at once, none is lost")
def _():
    with temporary_folder() as folder:
        users = os.path.join(folder, "users")
        passwd(users, "first", "--create", password="x\n")
        running = []
        for i in range(12):
            p = subprocess.Popen([program("linnet-passwd"), users, f"u{i}"], stdin=subprocess.PIPE, text=True)
            p.stdin.write("x\n")
            p.stdin.close()
            running.append(p)
        equal([p.wait(PATIENCE) for p in running], [0] * 12, "exit statuses")
        equal(sorted(line.split(":")[0] for line in read(users).splitlines()), sorted(["first", *(f"u{i}" for i in range(12))]), "users")


@test("PAM: good, bad, and a module that dies; the helper is replaced, and nothing is left at the end")
def _():
    if not any(os.path.exists(f"{p}/pam_exec.so") for p in ("/lib/x86_64-linux-gnu/security", "/usr/lib/x86_64-linux-gnu/security", "/lib/security")):
        raise Skip("there is no pam_exec")
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        script, service = os.path.join(folder, "check"), os.path.join(folder, "linnet-test")
        with open(script, "w", encoding="utf-8") as f:
            f.write('#!/bin/sh\nread -r word\n[ "$word" != die ] || kill -9 $PPID\n[ "$PAM_USER $word" = "carol sesame" ] || [ "$PAM_USER $word" = "ann x" ]\n')
        os.chmod(script, 0o755)
        with open(service, "w", encoding="utf-8") as f:
            f.write(f"auth [success=done default=ignore] pam_exec.so expose_authtok quiet {script}\nauth required pam_deny.so\n"
                    "account required pam_permit.so\n")
        with Pop3d(more=f'pam = "{service}"', lines="other:!:deep/other\n") as d:
            d.put("carol", b"A: b\n\n")
            with d.session() as s:
                equal("SCRAM" in " ".join(s.lines("CAPA")[1]), False, "SCRAM is offered")
                # The file's hashes count no more
                equal(s.login("ann", "ann's word"), "-ERR [AUTH] name or password is wrong", "the file's password")
                equal(s.login("carol", "wrong"), "-ERR [AUTH] name or password is wrong", "a wrong one")
                equal(s.login("nobody", "sesame"), "-ERR [AUTH] name or password is wrong", "nobody")
                equal(s.login("carol", "die")[:15], "-ERR [SYS/TEMP]", "a question without an answer")
                equal(s.login("carol", "sesame"), "+OK 1 messages (8 octets)", "carol")
                s.expect("QUIT", r"\+OK bye")
            helpers = [p for p in descendants(d.process.pid) if b"pop3d" in open(f"/proc/{p}/cmdline", "rb").read()]
            for word in ("sesame", "wrong"):
                with d.session() as s:
                    equal(s.login("carol", word)[:4], "+OK " if word == "sesame" else "-ERR", word)
            # A new configuration has a helper of its own
            d.reload()
            with d.session() as s:
                equal(s.login("ann", "x"), "+OK 0 messages (0 octets)", "after SIGHUP")
                s.expect("QUIT", r"\+OK bye")
            equal(d.end(), 0, "exit status")
            until(lambda: not [p for p in helpers if os.path.exists(f"/proc/{p}")], f"the end of {helpers}")


if __name__ == "__main__":
    main()
