#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
ftp.py [OPTION...]: linnet-ftpd beside Debian's vsftpd, by TCP on loopback, in the same run: a file of 1 GB and
1,000 small files, both ways. services.py calls it.

The client is the same for both and does as little as it can. Files are in memory where there is room, so that no disk
is measured.
"""
import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:1] = [os.path.join(HERE, ".."), os.path.join(HERE, "../../userspace"), HERE]
# pylint: disable=wrong-import-position
import servers
from figures import Table
from harness import Skip
from unpacked import Unpacked

LARGE, SMALL, FILES = 1 << 30, 2000, 1000
PIECE = 1 << 20
# A user whose home is there, for vsftpd goes to it first
USER = "daemon"
TIMEOUT = 120


def arguments():
    p = argparse.ArgumentParser(description="linnet-ftpd beside vsftpd, in figures.")
    p.add_argument("--programs", required=True, help="folder of our programs")
    p.add_argument("--out", default=".", help="folder for the figures")
    p.add_argument("--seeds", type=int, default=5, help="rounds")
    p.add_argument("--seconds", type=int, default=1, help="not used: files have a size")
    p.add_argument("--only", default="", help="only cases with this in their name")
    args = p.parse_args()
    args.programs, args.out = os.path.abspath(args.programs), os.path.abspath(args.out)
    return args


def work_folder():
    """In memory, if all files of a run have room there twice."""
    shm = "/dev/shm"
    free = shutil.disk_usage(shm).free if os.path.isdir(shm) else 0
    return tempfile.TemporaryDirectory(prefix="linnet-bench-", dir=shm if free > 8 * LARGE else None)


class Client:
    """A control connection, and data connections by EPSV."""

    def __init__(self, port, user, password):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.buffer = bytearray(PIECE)
        self.reply("220")
        self.ask(f"USER {user}", "331")
        self.ask(f"PASS {password}", "230")
        self.ask("TYPE I", "200")
        self.ask("CWD files", "250")

    def reply(self, code):
        while True:
            while b"\n" not in self.rest:
                piece = self.socket.recv(4096)
                if not piece:
                    sys.exit("ftp.py: the server ended the connection")
                self.rest += piece
            line, _, self.rest = self.rest.partition(b"\n")
            if line[:3].isdigit() and line[3:4] == b" ":
                break
        line = line.decode("ascii", "replace")
        if not line.startswith(code):
            sys.exit(f"ftp.py: {line!r} in place of {code}")
        return line

    def ask(self, line, code):
        self.socket.sendall(line.encode("ascii") + b"\r\n")
        return self.reply(code)

    def data(self, command):
        port = int(re.search(r"\|(\d+)\|", self.ask("EPSV", "229"))[1])
        s = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.ask(command, "150")
        return s

    def download(self, name):
        n = 0
        with self.data(f"RETR {name}") as s:
            while got := s.recv_into(self.buffer):
                n += got
        self.reply("226")
        return n

    def upload(self, name, file, size):
        with self.data(f"STOR {name}") as s:
            sent = 0
            # With a time-out Python's sockets do not block.
            s.settimeout(None)
            while sent < size:
                sent += os.sendfile(s.fileno(), file.fileno(), sent, size - sent)
        self.reply("226")


def vsftpd(work):
    """As Debian configures it, but for the user, whose files are there, and what anonymous clients may."""
    path = Unpacked("ftp-servers", {"vsftpd": "vsftpd"}).find("vsftpd")
    port, root, empty = servers.free_port(), f"{work}/theirs", f"{work}/empty"
    # It refuses a root that may be written to.
    for folder in (root, empty, f"{root}/files"):
        os.mkdir(folder)
    shutil.chown(f"{root}/files", USER)
    conf = servers.write(f"{work}/vsftpd.conf", f"""listen=YES
listen_ipv6=NO
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
anon_root={root}
no_anon_password=NO
ftp_username={USER}
nopriv_user={USER}
secure_chroot_dir={empty}
dirmessage_enable=NO
use_localtime=YES
connect_from_port_20=YES
xferlog_enable=YES
xferlog_std_format=YES
xferlog_file={work}/vsftpd-xferlog
idle_session_timeout=3600
""")
    server = servers.Server(work, "vsftpd", [path, conf], {"ftp": port})
    server.login = ("anonymous", "x")
    return server, f"{root}/files"


def ftpd(programs, work):
    port, root = servers.free_port(), f"{work}/ours"
    os.makedirs(f"{root}/bench/files")
    shutil.chown(f"{root}/bench/files", USER)
    hashed = subprocess.run(["openssl", "passwd", "-6", "x"], check=True, capture_output=True, text=True).stdout.strip()
    users = servers.write(f"{work}/users", f"bench:{hashed}\n")
    conf = servers.write(f"{work}/linnet-ftpd.conf", f"""workers = 1
{f'user = "{USER}"' if not os.geteuid() else ""}
root = "{root}"
users = "{users}"
transfer-log = "{work}/linnet-xferlog"
listen "127.0.0.1:{port}" {{ transports = "tcp" }}
limits {{ idle-time = "1h" }}
""")
    server = servers.Server(work, "linnet-ftpd", [f"{programs}/linnet-ftpd", "-c", conf], {"ftp": port})
    server.login = ("bench", "x")
    return server, f"{root}/bench/files"


def furnish(root):
    with open(f"{root}/large", "wb") as f:
        piece = os.urandom(PIECE)
        for _ in range(LARGE // PIECE):
            f.write(piece)
    os.chmod(f"{root}/large", 0o644)
    for i in range(FILES):
        with open(f"{root}/small{i}", "wb") as f:
            f.write(piece[:SMALL])


class Side:
    """A server, the session with it, and its files."""

    def __init__(self, server, root):
        self.server, self.root = server, root
        furnish(root)
        self.client = Client(server.ports["ftp"], *server.login)

    def large_down(self):
        if self.client.download("large") != LARGE:
            sys.exit(f"{self.server.name}: not all of the file came")

    def large_up(self):
        with open(f"{self.root}/large", "rb") as f:
            self.client.upload("up", f, LARGE)
        if os.path.getsize(f"{self.root}/up") != LARGE:
            sys.exit(f"{self.server.name}: not all of the file is there")
        os.unlink(f"{self.root}/up")

    def small_down(self):
        if sum(self.client.download(f"small{i}") for i in range(FILES)) != FILES * SMALL:
            sys.exit(f"{self.server.name}: not all of the files came")

    def small_up(self):
        with open(f"{self.root}/small0", "rb") as f:
            for i in range(FILES):
                self.client.upload(f"up{i}", f, SMALL)
        for i in range(FILES):
            if os.path.getsize(f"{self.root}/up{i}") != SMALL:
                sys.exit(f"{self.server.name}: not all of the files are there")
            os.unlink(f"{self.root}/up{i}")


def once(side, what, count):
    """So many per second, and microseconds of the server's processor for each."""
    before, started = side.server.processor_time(), time.monotonic()
    getattr(side, what)()
    took = time.monotonic() - started
    return count / took, (side.server.processor_time() - before) / 1000 / count


def rounds(n, sides, what, count):
    figures = [[] for _ in sides]
    for i in range(n + 1):
        for k in range(len(sides)) if i % 2 else reversed(range(len(sides))):
            figure = once(sides[k], what, count)
            if i:
                figures[k].append(figure)
    return figures


CASES = (("1 GB, download", "large_down", LARGE >> 20), ("1 GB, upload", "large_up", LARGE >> 20),
         ("1,000 files, download", "small_down", FILES), ("1,000 files, upload", "small_up", FILES))


def main():
    args = arguments()
    cases = [case for case in CASES if args.only in f"vsftpd {case[0]}"]
    if not cases:
        return
    started = time.monotonic()
    processors = sorted(os.sched_getaffinity(0))
    with work_folder() as work:
        os.chmod(work, 0o755)
        try:
            theirs = Side(*vsftpd(work))
        except Skip as why:
            print(f"\nnot measured: {why}", flush=True)
            return
        try:
            ours = Side(*ftpd(args.programs, work))
            os.sched_setaffinity(0, {processors[1 % len(processors)]})
            table = Table(args.out, "services-ftp", "files by linnet-ftpd and Debian's vsftpd", "vsftpd", [
                "MB or files per second, median and quartiles; microseconds of the server's processor for each",
                "one session, passive; each server writes a transfer log; the server on one processor, the client on "
                "the other", f"small files have {SMALL} octets"])
            for case, what, count in cases:
                table.add(case, "vsftpd", *rounds(args.seeds, [theirs, ours], what, count))
            table.close()
            ours.server.end()
        finally:
            theirs.server.end()
    print(f"\n{args.seeds} rounds, {time.monotonic() - started:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
