#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Other people's FTP clients and linnet-ftpd: lftp, curl, wget, tnftp, ncftp and Python's ftplib, passive and active,
in the clear and by TLS, by TCP and over protocol 253 through "linnet run"."""
import filecmp
import os
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "ftp"))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from clients import LIGHT, contents, each_way
from harness import equal, main
from linnet import ADDRESS, Ftpd, PASSWORD, USER

FILES = 20 if LIGHT else 60
LARGE = (1 if LIGHT else 20) << 20
NETRC = f"machine {ADDRESS} login {USER} password {PASSWORD}\n"


def furnish(folder):
    """A tree with what is often wrong: names, sizes, depth."""
    os.makedirs(os.path.join(folder, "deep/er and deeper"))
    os.mkdir(os.path.join(folder, "empty folder"))
    for i in range(FILES):
        with open(os.path.join(folder, f"small {i}"), "wb") as f:
            f.write(os.urandom(i))
    for name, size in (("deep/Ünïcödé 文", 100), ("deep/er and deeper/x[1]", 65536), ("large", LARGE), ("none", 0)):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(os.urandom(size))


def same(a, b):
    """The same files with the same content."""
    found = filecmp.dircmp(a, b)
    equal((found.left_only, found.right_only, found.funny_files), ([], [], []), f"files of {a} and {b}")
    for name in found.common_files:
        equal(contents(os.path.join(a, name)) == contents(os.path.join(b, name)), True, f"{name} is the same")
    for name in found.common_dirs:
        same(os.path.join(a, name), os.path.join(b, name))


def folders(work, *names):
    paths = [os.path.join(work, name) for name in names]
    for path in paths:
        os.mkdir(path)
    return paths


def carried(d, way):
    """All control connections came on the transport that was meant."""
    equal({m[1] for line in list(d.lines) if (m := re.search(r"connected \((\w+)\)", line))}, {way.transport},
          "transports")


@each_way("lftp mirrors a tree to the server and back")
def lftp(way):
    for passive in ("on", "off"):
        for tls in ("no", "yes"):
            with tempfile.TemporaryDirectory(prefix="linnet-test-") as work, Ftpd(
                    tls=f'control = "{"required" if tls == "yes" else "allowed"}"') as d:
                there, back = folders(work, "there", "back")
                furnish(there)
                way.run("lftp", "-c", f"""set cmd:fail-exit yes; set net:max-retries 1; set net:timeout 20
set ftp:passive-mode {passive}; set ftp:ssl-allow {tls}; set ftp:ssl-force {tls}; set ftp:ssl-protect-data {tls}
set ssl:ca-file {d.certificate}; set ssl:check-hostname no; set ftp:ssl-protect-list {tls}
open -u {USER},{PASSWORD} ftp://{ADDRESS}:{d.where(way)}
mirror -R --parallel=3 {there} /up
mirror --parallel=3 /up {back}""", env={**os.environ, "HOME": work})
                same(there, os.path.join(d.home, "up"))
                same(there, back)
                equal(d.hidden(os.path.join(d.home, "up")), [], "hidden files")
                carried(d, way)


@each_way("curl: both ways, resuming, listing, TLS 1.2 and 1.3")
def curl(way):
    with tempfile.TemporaryDirectory(prefix="linnet-test-") as work, Ftpd() as d:
        url = f"ftp://{ADDRESS}:{d.where(way)}/"
        common = ["curl", "-sS", "--fail", "-u", f"{USER}:{PASSWORD}", "--cacert", d.certificate]
        content = os.urandom(LARGE)
        source = d.put("source", content, work)
        # Debian 12's curl ends active transfers with TLS before their handshake (its issue 10666)
        for name, more in (("passive", []), ("pasv", ["--disable-epsv"]), ("active", ["-P", "-"]),
                           ("port", ["-P", "-", "--disable-eprt"]),
                           ("tls12", ["--ssl-reqd", "--tls-max", "1.2"]), ("tls13", ["--ssl-reqd", "--tlsv1.3"])):
            way.run(*common, *more, "-T", source, "--ftp-create-dirs", f"{url}{name}/file")
            equal(d.read(f"{name}/file") == content, True, f"{name}: the file")
            equal(way.run(*common, *more, f"{url}{name}/file").stdout == content, True, f"{name}: what comes back")
            equal(way.run(*common, *more, "-l", f"{url}{name}/").stdout, b"file\n", f"{name}: names")
        equal(way.run(*common, "-r", "10-19", f"{url}tls13/file").stdout, content[10:20], "a range")
        half = d.put("half", content[:LARGE // 2], work)
        way.run(*common, "-C", "-", "-o", half, f"{url}tls13/file")
        equal(contents(half) == content, True, "a download that went on")
        d.put("half", content[:LARGE // 2])
        way.run(*common, "-C", "-", "-T", source, f"{url}half")
        equal(d.read("half") == content, True, "an upload that went on")
        way.run(*common, "-Q", "-RNFR half", "-Q", "-RNTO whole", "-Q", "-DELE pasv/file", url)
        equal((os.path.exists(os.path.join(d.home, "whole")), os.path.exists(os.path.join(d.home, "pasv/file"))),
              (True, False), "renamed, removed")
        way.run(*common, f"{url}nothing", status=78)
        carried(d, way)


@each_way("wget takes a tree, also anonymously")
def wget(way):
    with tempfile.TemporaryDirectory(prefix="linnet-test-") as work, Ftpd() as d:
        back, = folders(work, "back")
        furnish(os.path.join(d.home, "tree"))
        os.rmdir(os.path.join(d.home, "tree/empty folder"))
        for mode in ([], ["--no-passive-ftp"]):
            way.run("wget", "-q", "-r", "-l", "9", "-nH", "--restrict-file-names=nocontrol", *mode, "-P", back,
                    f"ftp://{USER}:{PASSWORD}@{ADDRESS}:{d.where(way)}/tree/")
        same(os.path.join(d.home, "tree"), os.path.join(back, "tree"))
        d.put("p", b"public", d.public)
        equal(way.run("wget", "-q", "-O", "-", f"ftp://{ADDRESS}:{d.where(way)}/p").stdout, b"public", "a public file")
        carried(d, way)


@each_way("tnftp: commands of a person")
def tnftp(way):
    with tempfile.TemporaryDirectory(prefix="linnet-test-") as work, Ftpd() as d:
        content = os.urandom(100000)
        d.put("source", content, work)
        d.put("one.txt", b"1\n")
        d.put("two.txt", b"2\n")
        for mode in ("-p", "-A"):
            done = way.run("tnftp", "-n", "-v", mode, ADDRESS, str(d.where(way)), cwd=work, data=f"""user {USER} {PASSWORD}
binary
prompt off
mkdir folder
put source folder/there
get folder/there back
append source folder/there
size folder/there
mget *.txt
ascii
get one.txt text
binary
rename folder/there folder/here
mdelete folder/here
rmdir folder
bye
""".encode())
            equal(contents(os.path.join(work, "back")) == content, True, f"what comes back: {done.stdout}")
            equal([contents(os.path.join(work, n)) for n in ("one.txt", "two.txt", "text")], [b"1\n", b"2\n", b"1\n"],
                  "text")
            equal(b"213 200000" in done.stdout or b"200000" in done.stdout, True, f"the size: {done.stdout}")
            equal(sorted(os.listdir(d.home)), ["one.txt", "two.txt"], "what is left")
        carried(d, way)


@each_way("ncftp puts and gets folders")
def ncftp(way):
    with tempfile.TemporaryDirectory(prefix="linnet-test-") as work, Ftpd() as d:
        there, back = folders(work, "there", "back")
        furnish(there)
        environment = {**os.environ, "HOME": work, "NCFTPDIR": work}
        common = ["-u", USER, "-p", PASSWORD, "-P", str(d.where(way))]
        for mode in ("-F", "-E"):
            way.run("ncftpput", *common, mode, "-R", ADDRESS, "/", there, env=environment)
            way.run("ncftpget", *common, mode, "-R", ADDRESS, back, "/there", env=environment)
            same(there, os.path.join(d.home, "there"))
            same(there, os.path.join(back, "there"))
        equal(b"large" in way.run("ncftpls", *common, f"ftp://{ADDRESS}/there/", env=environment).stdout, True, "ncftpls")
        carried(d, way)


PYTHON = """import ftplib, io, ssl, sys
host, port, user, password, certificate = sys.argv[1:]
class Tls(ftplib.FTP_TLS):
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            conn = self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session)
        return conn, size
def use(f):
    f.connect(host, int(port), 20)
    f.login(user, password)
    if isinstance(f, Tls):
        f.prot_p()
    data = bytes(range(256)) * 2000
    for passive in True, False:
        f.set_pasv(passive)
        f.storbinary("STOR file", io.BytesIO(data))
        out = []
        f.retrbinary("RETR file", out.append, rest=1000)
        assert b"".join(out) == data[1000:]
        f.storbinary("STOR file", io.BytesIO(data[100:]), rest=100)
        assert f.size("file") == len(data)
        f.storlines("STOR text", io.BytesIO(b"one\\ntwo\\n"))
        out = []
        f.retrlines("RETR text", out.append)
        assert out == ["one", "two"], out
        assert f.nlst() == ["file", "text"], f.nlst()
        assert {n: x["type"] for n, x in f.mlsd()} == {".": "cdir", "file": "file", "text": "file"}
        out = []
        f.dir(out.append)
        assert len(out) == 2
        assert f.mkd('a "b"') == '/a "b"'
        f.cwd('a "b"')
        assert f.pwd() == '/a "b"'
        f.cwd("..")
        f.rmd('a "b"')
        f.rename("text", "renamed")
        f.delete("renamed")
    if isinstance(f, Tls):
        f.ccc()
        assert f.pwd() == "/"
        out = []
        f.retrbinary("RETR file", out.append) if not f._prot_p else f.voidcmd("NOOP")
    f.quit()
use(ftplib.FTP())
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    context = ssl.create_default_context(cafile=certificate)
    context.minimum_version = context.maximum_version = version
    use(Tls(context=context))
print("good")
"""


@each_way("Python's ftplib, FTP and FTP_TLS, with CCC at the end")
def python(way):
    with Ftpd() as d:
        done = way.run("/usr/bin/python3", "-c", PYTHON, ADDRESS, str(d.where(way)), USER, PASSWORD, d.certificate)
        equal(done.stdout, b"good\n", "what it says")
        carried(d, way)


if __name__ == "__main__":
    main()
