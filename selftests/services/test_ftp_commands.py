#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-ftpd: every command in every state, with the exact reply code; data both ways, ASCII, resuming, unique
names, aborting, renaming, facts, the transfer log, IPv6, virtual hosts, several workers, reload and the end."""
import os
import re
import signal
import socket
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "ftp"))
# pylint: disable=wrong-import-position
from harness import PATIENCE, Skip, equal, main, test, until
from linnet import Control, Ftpd, PASSWORD, USER

# Command; codes of: no login, USER given, logged in, anonymous. None: not asked there.
# "%P" is a port of the client's own.
TABLE = [
    ("USER", 501, 501, 501, 501), ("USER joe", 331, 331, 530, 530),
    ("PASS", 503, None, 503, 503), ("PASS x", 503, 530, 503, 503),
    ("ACCT", 501, 501, 501, 501), ("ACCT a", 202, 202, 202, 202),
    ("REIN x", 501, 501, 501, 501), ("REIN", 220, 220, 220, 220),
    ("QUIT now", 501, 501, 501, 501), ("QUIT", 221, 221, 221, 221),
    ("HOST", 501, 501, 501, 501), ("HOST other.test", 504, 503, 503, 503), ("HOST a b", 501, 503, 503, 503),
    ("HOST virtual.test", 220, 503, 503, 503), ("HOST VIRTUAL.test.", 220, 503, 503, 503),
    ("AUTH", 501, 501, 501, 501), ("AUTH KERBEROS", 504, 504, 504, 504), ("AUTH SSL", 504, 504, 504, 504),
    ("ADAT", 501, 501, 501, 501), ("ADAT x", 503, 503, 503, 503),
    ("PBSZ 0", 503, 503, 503, 503), ("PBSZ", 501, 501, 501, 501),
    ("PROT P", 503, 503, 503, 503), ("PROT", 501, 501, 501, 501),
    ("CCC", 533, 533, 533, 533), ("CCC x", 501, 501, 501, 501),
    ("MIC x", 502, 502, 502, 502), ("CONF x", 502, 502, 502, 502), ("ENC x", 502, 502, 502, 502),
    ("CWD", 530, 530, 501, 501), ("CWD /", 530, 530, 250, 250), ("CWD nothing", 530, 530, 550, 550),
    ("CWD file", 530, 530, 550, 550), ("XCWD folder", 530, 530, 250, 250), ("CWD ../../..", 530, 530, 250, 250),
    ("CWD out", 530, 530, 550, None),
    ("CDUP", 530, 530, 250, 250), ("CDUP x", 530, 530, 501, 501), ("XCUP", 530, 530, 250, 250),
    ("PWD", 530, 530, 257, 257), ("PWD x", 530, 530, 501, 501), ("XPWD", 530, 530, 257, 257),
    ("MKD", 530, 530, 501, 501), ("MKD made", 530, 530, 257, 550), ("XMKD folder", 530, 530, 550, 550),
    ("MKD a/b/c", 530, 530, 550, 550), ("MKD /", 530, 530, 550, 550),
    ("RMD", 530, 530, 501, 501), ("RMD folder", 530, 530, 250, 550), ("XRMD nothing", 530, 530, 550, 550),
    ("RMD /", 530, 530, 550, 550), ("RMD file", 530, 530, 550, 550),
    ("DELE", 530, 530, 501, 501), ("DELE file", 530, 530, 250, 550), ("DELE folder", 530, 530, 550, 550),
    ("RNFR", 530, 530, 501, 501), ("RNFR file", 530, 530, 350, 550), ("RNFR nothing", 530, 530, 550, 550),
    ("RNTO", 530, 530, 501, 501), ("RNTO x", 530, 530, 503, 550),
    ("SIZE", 530, 530, 501, 501), ("SIZE file", 530, 530, 213, 213), ("SIZE folder", 530, 530, 550, 550),
    ("SIZE nothing", 530, 530, 550, 550),
    ("MDTM", 530, 530, 501, 501), ("MDTM file", 530, 530, 213, 213), ("MDTM nothing", 530, 530, 550, 550),
    ("MFMT", 530, 530, 501, 501), ("MFMT 20200102030405 file", 530, 530, 213, 550),
    ("MFMT 20200102030405", 530, 530, 501, 550), ("MFMT 20201302030405 file", 530, 530, 501, 550),
    ("MFMT 20200102030405 nothing", 530, 530, 550, 550),
    ("MLST", 530, 530, 250, 250), ("MLST file", 530, 530, 250, 250), ("MLST nothing", 530, 530, 550, 550),
    ("STAT", 211, 211, 211, 211), ("STAT file", 530, 530, 213, 213), ("STAT folder", 530, 530, 212, 212),
    ("STAT nothing", 530, 530, 450, 450),
    ("PORT", 530, 530, 501, 501), ("PORT 127,0,0,1,%P", 530, 530, 200, 200), ("PORT 127,0,0,1,0", 530, 530, 501, 501),
    ("PORT 127,0,0,256,1,1", 530, 530, 501, 501), ("PORT 127,0,0,1,0,80", 530, 530, 504, 504),
    ("PORT 127,0,0,2,200,1", 530, 530, 504, 504), ("PORT 1,2,3,4,200,1,", 530, 530, 501, 501),
    ("EPRT", 530, 530, 501, 501), ("EPRT |1|127.0.0.1|50000|", 530, 530, 200, 200),
    ("EPRT |1|127.0.0.1|80|", 530, 530, 504, 504), ("EPRT |1|127.0.0.9|50000|", 530, 530, 504, 504),
    ("EPRT |2|::1|50000|", 530, 530, 522, 522), ("EPRT |3|x|50000|", 530, 530, 522, 522),
    ("EPRT |1|127.0.0.1|50000", 530, 530, 501, 501), ("EPRT |1|127.0.0.1|65536|", 530, 530, 501, 501),
    ("PASV", 530, 530, 227, 227), ("PASV x", 530, 530, 501, 501),
    ("EPSV", 530, 530, 229, 229), ("EPSV 1", 530, 530, 229, 229), ("EPSV 2", 530, 530, 522, 522),
    ("EPSV x", 530, 530, 501, 501), ("EPSV ALL", 530, 530, 200, 200),
    ("TYPE", 530, 530, 501, 501), ("TYPE A", 530, 530, 200, 200), ("TYPE a n", 530, 530, 200, 200),
    ("TYPE A T", 530, 530, 504, 504), ("TYPE A C", 530, 530, 504, 504), ("TYPE E", 530, 530, 504, 504),
    ("TYPE I", 530, 530, 200, 200), ("TYPE L 8", 530, 530, 200, 200), ("TYPE L 7", 530, 530, 504, 504),
    ("TYPE L", 530, 530, 501, 501), ("TYPE X", 530, 530, 501, 501), ("TYPE I N", 530, 530, 501, 501),
    ("STRU", 530, 530, 501, 501), ("STRU F", 530, 530, 200, 200), ("STRU R", 530, 530, 504, 504),
    ("STRU P", 530, 530, 504, 504), ("STRU X", 530, 530, 501, 501),
    ("MODE", 530, 530, 501, 501), ("MODE S", 530, 530, 200, 200), ("MODE B", 530, 530, 504, 504),
    ("MODE C", 530, 530, 504, 504), ("MODE X", 530, 530, 501, 501),
    ("REST", 530, 530, 501, 501), ("REST 0", 530, 530, 350, 350), ("REST 10", 530, 530, 350, 350),
    ("REST -1", 530, 530, 501, 501), ("REST 1x", 530, 530, 501, 501),
    ("REST 99999999999999999999", 530, 530, 501, 501),
    ("RETR", 530, 530, 501, 501), ("RETR file", 530, 530, 425, 425),
    ("STOR", 530, 530, 501, 501), ("STOR new", 530, 530, 425, 550),
    ("APPE", 530, 530, 501, 501), ("APPE new", 530, 530, 425, 550),
    ("STOU", 530, 530, 425, 550), ("LIST", 530, 530, 425, 425), ("NLST", 530, 530, 425, 425),
    ("MLSD", 530, 530, 425, 425), ("ABOR", 530, 530, 226, 226), ("ABOR x", 530, 530, 501, 501),
    ("FEAT", 211, 211, 211, 211), ("FEAT x", 501, 501, 501, 501),
    ("OPTS", 501, 501, 501, 501), ("OPTS UTF8 ON", 200, 200, 200, 200), ("OPTS UTF8 OFF", 501, 501, 501, 501),
    ("OPTS MLST size;type;", 200, 200, 200, 200), ("OPTS MLST", 200, 200, 200, 200), ("OPTS FOO", 501, 501, 501, 501),
    ("LANG", 200, 200, 200, 200), ("LANG en", 200, 200, 200, 200), ("LANG fr", 504, 504, 504, 504),
    ("HELP", 214, 214, 214, 214), ("HELP retr", 214, 214, 214, 214), ("HELP nonsense", 502, 502, 502, 502),
    ("NOOP", 200, 200, 200, 200), ("NOOP x", 501, 501, 501, 501), ("SYST", 215, 215, 215, 215),
    ("SMNT", 530, 530, 501, 501), ("SMNT x", 530, 530, 202, 202),
    ("ALLO", 530, 530, 501, 501), ("ALLO 100", 530, 530, 200, 200), ("ALLO 100 R 10", 530, 530, 200, 200),
    ("ALLO x", 530, 530, 501, 501), ("ALLO 9000000000000000000", 530, 530, 552, 552),
    ("SITE", 530, 530, 501, 501), ("SITE HELP", 530, 530, 214, 214), ("SITE CHMOD 600 file", 530, 530, 200, 550),
    ("SITE CHMOD 999 file", 530, 530, 501, 501), ("SITE CHMOD 4755 file", 530, 530, 501, 501),
    ("SITE UMASK", 530, 530, 200, 200), ("SITE UMASK 077", 530, 530, 200, 200), ("SITE UMASK 9", 530, 530, 501, 501),
    ("SITE EXEC ls", 530, 530, 500, 500),
    ("NONSENSE", 500, 500, 500, 500), ("", 500, 500, 500, 500), ("  NOOP", 500, 500, 500, 500),
    ("XYZ", 500, 500, 500, 500), ("noop", 200, 200, 200, 200),
]


def workers(d):
    with open(f"/proc/{d.process.pid}/task/{d.process.pid}/children", encoding="ascii") as f:
        return [int(pid) for pid in f.read().split()]


STATES = ("no login", "USER given", "logged in", "anonymous")


def furnish(folder):
    """What the table asks for, as it was."""
    os.makedirs(os.path.join(folder, "folder"), exist_ok=True)
    with open(os.path.join(folder, "file"), "wb") as f:
        f.write(b"one\ntwo\n")
    if not os.path.islink(os.path.join(folder, "out")):
        os.symlink("/etc", os.path.join(folder, "out"))
    if os.path.isdir(os.path.join(folder, "made")):
        os.rmdir(os.path.join(folder, "made"))


def bring_to(c, state):
    if state == 1:
        c.ask(f"USER {USER}", 331)
    elif state == 2:
        c.login()
    elif state == 3:
        c.ask("USER anonymous", 331)
        c.ask("PASS guest@", 230)


@test("each command in each state has its reply")
def table():
    wrong = []
    with Ftpd(limits="login-failures = 100", more='host "virtual.test" { banner = "virtual" }') as d:
        for state, name in enumerate(STATES):
            for line, *codes in TABLE:
                code = codes[state]
                if code is None:
                    continue
                furnish(d.home)
                furnish(d.public)
                c = d.control()
                bring_to(c, state)
                c.send(line.replace("%P", "200,10"))
                got = c.reply()
                if got != code:
                    wrong.append(f"{line!r}, {name}: {c.text!r}, expected {code}")
                c.close()
    equal(wrong, [], "replies")


@test("downloads, uploads and listings, passive and active, in both types")
def transfers():
    content = bytes(range(256)) * 1000
    with Ftpd() as d:
        c = d.control(USER)
        for active in (False, True):
            c.ask("TYPE I", 200)
            c.upload("STOR b", content, active=active)
            equal(d.read("b"), content, "the file")
            equal(c.download("RETR b", active), content, "what comes back")
            c.upload("APPE b", b"more", active=active)
            equal(c.download("RETR b", active), content + b"more", "after APPE")
            c.ask("TYPE A", 200)
            c.upload("STOR t", b"a\r\nb\rc\r\n\r", active=active)
            equal(d.read("t"), b"a\nb\rc\n\r", "text")
            equal(c.download("RETR t", active), b"a\r\nb\rc\r\n\r", "text that comes back")
            equal(c.ask("SIZE t", 213), "213 9", "SIZE in TYPE A")
            equal(c.download("NLST", active), b"b\r\nt\r\n", "NLST")
            equal(len(c.download("LIST", active).splitlines()), 2, "LIST")
        equal(c.ask("TYPE I", 200) and c.ask("SIZE t", 213), "213 7", "SIZE in TYPE I")
        c.upload("STOR empty", b"")
        equal(c.download("RETR empty"), b"", "an empty file")
        equal(d.hidden(), [], "hidden files")


@test("a download goes on at REST, in both types")
def resume_download():
    with Ftpd() as d:
        d.put("b", b"0123456789")
        d.put("t", b"a\nb\nc\n")
        c = d.control(USER)
        c.ask("TYPE I", 200)
        c.ask("REST 4", 350)
        equal(c.download("RETR b"), b"456789", "from 4")
        equal(c.download("RETR b"), b"0123456789", "REST is for one command")
        c.ask("REST 10", 350)
        equal(c.download("RETR b"), b"", "from the end")
        c.ask("REST 11", 350)
        s = c.passive()
        c.ask("RETR b", 554)
        s.close()
        c.ask("TYPE A", 200)
        c.ask("REST 4", 350)
        equal(c.download("RETR t"), b"\nc\r\n"[0:0] + b"a\r\nb\r\nc\r\n"[4:], "text from 4")


@test("an upload appears whole; an aborted one is gone on with by its user alone")
def resume_upload():
    content = os.urandom(300000)
    with Ftpd() as d:
        d.put("f", b"old")
        c = d.control(USER)
        c.ask("TYPE I", 200)
        s = c.passive()
        c.ask("STOR f", 150)
        s.sendall(content[:100000])
        until(d.hidden, "the hidden file")
        until(lambda: os.path.getsize(os.path.join(d.home, d.hidden()[0])) == 100000, "what was sent")
        equal(d.read("f"), b"old", "the file before all has come")
        equal(c.ask("STAT", 211).count("100000"), 1, "octets in STAT")
        c.send("ABOR")
        c.expect(426)
        c.expect(226)
        s.close()
        equal(d.read("f"), b"old", "the file after ABOR")
        equal(c.download("NLST"), b"f\r\n", "what clients see")
        c.ask("RETR " + d.hidden()[0], 425)
        c.ask("REST 100000", 350)
        c.upload("STOR f", content[100000:])
        equal(d.read("f"), content, "the whole file")
        equal(d.hidden(), [], "hidden files")
        # Now of one that is not there yet, whose SIZE tells where to go on
        s = c.passive()
        c.ask("STOR g", 150)
        s.sendall(content[:5000])
        until(d.hidden, "the hidden file")
        until(lambda: os.path.getsize(os.path.join(d.home, d.hidden()[0])) == 5000, "what was sent")
        c.close()
        s.close()
        c = d.control(USER)
        c.ask("TYPE I", 200)
        until(lambda: not c.ask("NOOP", 200) or d.has("data: closed"), "the end of the session")
        equal(c.ask("SIZE g", 213), "213 5000", "SIZE of what is there")
        c.ask("MDTM g", 550)
        c.upload("APPE g", content[5000:])
        equal(d.read("g"), content, "the whole file")
        c.ask("REST 5", 350)
        s = c.passive()
        c.ask("STOR nothing", 554)
        s.close()


@test("of a client that is killed in an upload nothing gets the name")
def killed_client():
    with Ftpd() as d:
        for data_first in (True, False):
            c = d.control(USER)
            s = c.passive()
            c.ask("STOR f", 150)
            s.sendall(b"half of it")
            until(lambda: d.hidden() and os.path.getsize(os.path.join(d.home, d.hidden()[0])) == 10, "what was sent")
            # Both connections have ended before the worker looks at either
            for pid in workers(d):
                os.kill(pid, signal.SIGSTOP)
            for x in (s, c) if data_first else (c, s):
                x.close()
            for pid in workers(d):
                os.kill(pid, signal.SIGCONT)
            until(lambda: d.logged(2 - data_first), "the end of the transfer")
            equal(d.log()[-1][-1], "i", "how it ended")
            equal(os.path.exists(os.path.join(d.home, "f")), False, "the file is there")


@test("with sync an upload is acknowledged when it is on the disk, also to a client that is going")
def synced():
    with Ftpd(more="sync = true") as d:
        c = d.control(USER)
        c.ask("TYPE I", 200)
        for i in range(5):
            c.upload(f"STOR f{i}", b"x" * 100000)
            equal(len(d.read(f"f{i}")), 100000, "octets")
        s = c.passive()
        c.ask("STOR g", 150)
        s.sendall(b"y" * 100000)
        s.close()
        c.send("QUIT")
        equal(sorted((c.reply(), c.reply())), [221, 226], "replies")
        equal(len(d.read("g")), 100000, "octets")


@test("counters are shown by HTTP")
def counters():
    with Ftpd(more='metrics-listen = "127.0.0.1:0"') as d:
        c = d.control(USER)
        c.upload("STOR f", b"12345")
        c.download("RETR f")
        ports = {int(m[1]) for line in d.lines if (m := re.search(r"listening on 127.0.0.1:(\d+) ", line))}
        port, = ports - {c.socket.getpeername()[1]}
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as f:
            text = f.read().decode()
        for line in ('linnet_ftp_logins_total{result="good"} 1', 'linnet_ftp_transfers_total{direction="in"} 1',
                     'linnet_ftp_transfers_total{direction="out"} 1', 'linnet_ftp_octets_total{direction="in"} 5'):
            equal(line in text.splitlines(), True, f"{line} in {text}")


@test("STOU makes a name of its own and says it")
def unique():
    with Ftpd() as d:
        c = d.control(USER)
        d.put("f", b"there")
        names = []
        for command in ("STOU f", "STOU f", "STOU"):
            s = c.passive()
            names.append(re.search(r"FILE: (.*)", c.ask(command, 150))[1])
            s.sendall(b"x")
            s.close()
            c.expect(226)
        equal(names, ["f.1", "f.2", "upload"], "names")
        equal([d.read(n) for n in ("f", *names)], [b"there", b"x", b"x", b"x"], "files")


@test("renaming needs RNFR at once before it")
def renaming():
    with Ftpd() as d:
        d.put("a", b"1")
        c = d.control(USER)
        c.ask("RNFR a", 350)
        c.ask("NOOP", 200)
        c.ask("RNTO b", 503)
        c.ask("RNFR a", 350)
        c.ask("RNTO nothing/b", 550)
        c.ask("RNFR a", 350)
        c.ask("RNTO .in.x~", 553)
        c.ask("RNFR a", 350)
        c.ask("RNTO b", 250)
        equal(os.listdir(d.home), ["b"], "files")


@test("facts are those of RFC 3659, and those that were chosen")
def facts():
    with Ftpd() as d:
        path = d.put("name with  blanks", b"12345")
        os.utime(path, (0, 1577934245))
        os.mkdir(os.path.join(d.home, "folder"))
        os.symlink("/etc/passwd", os.path.join(d.home, "out"))
        os.symlink("folder", os.path.join(d.home, "in"))
        c = d.control(USER)
        lines = c.download("MLSD").decode().split("\r\n")
        equal([line.split("; ", 1)[1] for line in lines if line], [".", "folder", "in", "name with  blanks"], "names")
        file = lines[3]
        for fact in ("type=file;", "size=5;", "modify=20200102030405;", "perm=adfrw;", "UNIX.mode=0644;"):
            equal(file.count(fact), 1, f"{fact} in {file}")
        equal(lines[0].startswith("type=cdir;"), True, "the folder itself")
        equal(lines[2].startswith("type=dir;"), True, "a link to a folder")
        equal(c.ask("OPTS MLST Size;nonsense;type;", 200), "200 MLST OPTS type;size;", "chosen facts")
        equal(c.ask("MLST name with  blanks", 250).split("\n")[1], " type=file;size=5; /name with  blanks", "MLST")
        equal("MLST type*;size*;modify;" in c.ask("FEAT", 211), True, "FEAT tells which")
        c.ask("MLSD", 425)
        s = c.passive()
        c.ask("MLSD name with  blanks", 501)
        s.close()
        c.ask("MFMT 20010203040506 name with  blanks", 213)
        equal(c.ask("MDTM name with  blanks", 213), "213 20010203040506", "the time")


@test("names: quotes, blanks, UTF-8, patterns, hidden ones, Telnet's own octets")
def names():
    with Ftpd() as d:
        c = d.control(USER)
        equal(c.ask('MKD a "b" c', 257), '257 "/a ""b"" c" was made', "quotes are doubled")
        c.ask("MKD Ünïcödé 文", 257)
        equal(os.path.isdir(os.path.join(d.home, "Ünïcödé 文")), True, "the folder")
        c.send(b"MKD x\xff\xffy\r\n")
        c.expect(257)
        equal(os.path.isdir(os.path.join(os.fsencode(d.home), b"x\xffy")), True, "octet 255")
        c.send(b"MKD cr\r\0x\r\n")
        c.expect(257)
        equal(os.path.isdir(os.path.join(d.home, "cr\rx")), True, "a CR in a name")
        c.send(b"\xff\xfd\x01NO\xff\xfb\x03OP\r\n")
        equal(c.socket.recv(6), b"\xff\xfc\x01\xff\xfe\x03", "options are refused")
        c.expect(200)
        for name in ("one.txt", "two.txt", ".dot", "a[b]"):
            d.put(name, b"")
        equal(c.download("NLST *.txt"), b"one.txt\r\ntwo.txt\r\n", "a pattern")
        equal(c.download("NLST /*.txt"), b"/one.txt\r\n/two.txt\r\n", "a pattern with a folder")
        equal(c.download("NLST a[b]"), b"", "brackets are a pattern")
        equal(b".dot" in c.download("LIST"), False, "a dot file without -a")
        equal(b".dot" in c.download("LIST -la"), True, "a dot file with -a")
        equal(c.download("NLST one.txt"), b"one.txt\r\n", "a file's own name")


@test("while a transfer is under way: STAT, ABOR and QUIT at once, others after it")
def during():
    with Ftpd() as d:
        d.put("large", b"\0" * (64 << 20))
        c = d.control(USER)
        c.ask("TYPE I", 200)
        s = c.passive()
        c.ask("RETR large", 150)
        c.send("STAT")
        c.expect(211)
        c.send("NOOP")
        c.send("QUIT")
        while s.recv(1 << 20):
            pass
        s.close()
        equal([c.reply(), c.reply(), c.reply()], [226, 200, 221], "replies")
        c.closed()
        c = d.control(USER)
        c.ask("TYPE I", 200)
        s = c.passive()
        c.ask("RETR large", 150)
        c.send(b"\xff\xf4\xff")
        c.socket.send(b"\xf2", socket.MSG_OOB)
        c.send("ABOR")
        c.expect(426)
        c.expect(226)
        s.close()
        c.ask("NOOP", 200)


@test("what each transfer was is in the transfer log")
def xferlog():
    with Ftpd() as d:
        c = d.control(USER)
        c.ask("TYPE I", 200)
        c.upload("STOR a file", b"12345")
        c.ask("TYPE A", 200)
        c.download("RETR a file")
        anonymous = d.control("anonymous")
        d.put("p", b"x" * (32 << 20), d.public)
        anonymous.ask("TYPE I", 200)
        s = anonymous.passive()
        anonymous.ask("RETR p", 150)
        s.recv(10)
        s.close()
        anonymous.expect(426)
        lines = [re.sub(r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \d+ ", "", line) for line in d.logged(3)]
        equal(lines[:2], ["127.0.0.1 5 /a_file b _ i g joe ftp 0 * c", "127.0.0.1 5 /a_file a _ o g joe ftp 0 * c"],
              "lines")
        equal(bool(re.fullmatch(r"127.0.0.1 \d+ /p b _ o a anonymous ftp 0 \* i", lines[2])), True, lines[2])


@test("IPv6: EPSV and EPRT; PASV is refused")
def ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as e:
        raise Skip(f"no IPv6 here: {e}") from None
    with Ftpd(address="::1") as d:
        c = d.control(USER)
        c.ask("PASV", 425)
        c.ask("EPRT |1|127.0.0.1|50000|", 522)
        c.ask("EPSV 1", 522)
        for active in (False, True):
            c.upload("STOR f", b"abc", active=active)
            equal(c.download("RETR f", active), b"abc", "the file")


@test("after EPSV ALL there is no other way to a data connection")
def epsv_all():
    with Ftpd() as d:
        c = d.control(USER)
        c.ask("EPSV ALL", 200)
        c.ask("PASV", 501)
        c.ask("PORT 127,0,0,1,200,1", 501)
        c.ask("EPRT |1|127.0.0.1|50000|", 501)
        equal(c.download("NLST"), b"", "the list")


@test("REIN logs out, and the next user sees nothing of the one before")
def rein():
    with Ftpd() as d:
        d.put("mine", b"")
        c = d.control(USER)
        c.ask("MKD /deep", 257)
        c.ask("CWD /deep", 250)
        c.ask("REIN", 220)
        c.ask("PWD", 530)
        c.login("jane")
        equal(c.ask("PWD", 257).startswith('257 "/" '), True, "the folder")
        equal(c.download("NLST"), b"", "files")


@test("a host has users and an anonymous folder of its own (RFC 7151)")
def hosts():
    with Ftpd() as d:
        other = os.path.join(d.folder, "other")
        os.mkdir(other)
        d.put("theirs", b"", other)
        with open(d.conf, "a", encoding="utf-8") as f:
            f.write(f'host "other.test" {{ anonymous = "{other}" banner = "The other" }}\n')
        d.process.send_signal(signal.SIGHUP)
        until(lambda: d.has("new configuration is in use"), "the reload")
        c = d.control()
        equal(c.ask("HOST other.test", 220), "220 The other", "its banner")
        c.ask("USER anonymous", 331)
        c.ask("PASS x", 230)
        equal(c.download("NLST"), b"theirs\r\n", "its files")
        c = d.control()
        c.ask("HOST other.test", 220)
        c.ask("USER joe", 331)
        c.ask(f"PASS {PASSWORD}", 530)


@test("wrong passwords, unknown and locked users; too many of them end the connection")
def logins():
    with Ftpd(limits="login-failures = 3") as d:
        c = d.control()
        for user in (USER, "unknown"):
            c.ask(f"USER {user}", 331)
            c.ask("PASS wrong", 530)
        c.ask("USER nobody", 331)
        c.ask("PASS !", 421)
        c.closed()
        equal(d.has("secret"), False, "a password in the log")


@test("time-outs: no login, no command, nobody connects, no progress")
def timeouts():
    with Ftpd(limits='login-time = "300ms" idle-time = "600ms" connect-time = "300ms" data-time = "300ms"') as d:
        d.put("large", b"\0" * (64 << 20))
        c = d.control()
        c.expect(421)
        c.closed()
        c = d.control(USER)
        c.ask("EPSV", 229)
        c.ask("NLST", 425)
        c.ask("TYPE I", 200)
        s = c.passive()
        c.ask("RETR large", 150)
        c.expect(426, "a peer that does not read")
        s.close()
        s = c.passive()
        c.ask("STOR slow", 150)
        c.expect(426, "a peer that does not send")
        s.close()
        c.expect(421)
        c.closed()


@test("limited rates are kept both ways")
def rates():
    with Ftpd(limits='download-rate = "200k" upload-rate = "200k"') as d:
        d.put("f", b"x" * 100000)
        c = d.control(USER)
        c.ask("TYPE I", 200)
        for what in (lambda: c.download("RETR f"), lambda: c.upload("STOR g", b"y" * 100000)):
            before = time.monotonic()
            what()
            took = time.monotonic() - before
            equal(took > 0.3, True, f"{took} s for what takes half a second")
        equal(d.read("g"), b"y" * 100000, "the file")


@test("several workers, and an end that waits for the transfer under way")
def end():
    with Ftpd(workers=3) as d:
        d.put("large", b"\1" * (32 << 20))
        idle = d.control(USER)
        c = d.control(USER)
        c.ask("TYPE I", 200)
        s = c.passive()
        c.ask("RETR large", 150)
        s.recv(10)
        d.process.send_signal(signal.SIGTERM)
        idle.expect(421)
        idle.closed()
        n = 10
        while piece := s.recv(1 << 20):
            n += len(piece)
        equal(n, 32 << 20, "octets")
        c.expect(226)
        s.close()
        equal(d.ended(), 0, "the exit status")


@test("passive ports are of the range, and the address is the one that is configured")
def passive_range():
    with socket.create_server(("127.0.0.1", 0)) as s:
        first = s.getsockname()[1]
    with Ftpd(passive=f'first-port = {first} last-port = {first} address = "192.0.2.1"') as d:
        c = d.control(USER)
        equal(re.search(r"\((.*)\)", c.ask("PASV", 227))[1], f"192,0,2,1,{first >> 8},{first & 255}", "the address")
        other = d.control(USER)
        other.ask("EPSV", 425)
        c.ask("ABOR", 226)
        equal(other.download("NLST"), b"", "when the port is free")


@test("errors of the configuration say where and what is allowed")
def configuration():
    for text, wanted in (('umask = "9"', "octal"), ('tls { control = "maybe" }', "off, allowed and required"),
                         ('passive { first-port = 10 }', "last-port"), ("nonsense = 1", "allowed here are"),
                         ('tls { control = "required" }', "no certificate")):
        try:
            with Ftpd(more=text, tls=None):
                raise AssertionError(f"{text} was taken")
        except AssertionError as e:
            if wanted not in str(e):
                raise


if __name__ == "__main__":
    main()
