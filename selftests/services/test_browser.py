#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo site in headless Chromium: what is in the page, what is to be seen, forms sent;
Chromium as it is, and by "linnet run"."""
import collections
import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import struct
import subprocess
import sys
import zlib

from clients import CLIENT_PATIENCE, Demo, contents, each_way, sha
from harness import Skip, equal, main, temporary_folder, until

WIDTH, HEIGHT = 640, 480
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
           f"--window-size={WIDTH},{HEIGHT}", "--hide-scrollbars", "--force-device-scale-factor=1",
           "--force-color-profile=srgb",
           # It asks nobody but the server under test.
           "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE 127.0.0.2")


def chromium():
    names = ("chromium", "chromium-browser", "google-chrome")
    for name in names:
        if path := shutil.which(name):
            return path
    raise Skip(f"none of {', '.join(names)} is installed: apt-get install chromium")


def browse(way, *args):
    with temporary_folder() as folder:
        return way.run(chromium(), *OPTIONS, f"--user-data-dir={folder}", *args).stdout


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def pixels(png):
    """Width, height and the colours of a PNG of 8-bit RGB or RGBA, with how often each is there."""
    equal(png[:8], b"\x89PNG\r\n\x1a\n")
    at, data, head = 8, b"", None
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        part = png[at + 8:at + 8 + length]
        equal(zlib.crc32(kind + part), struct.unpack_from(">I", png, at + 8 + length)[0], "checksum")
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", part)
        elif kind == b"IDAT":
            data += part
        at += 12 + length
    width, height, depth, kind, _, _, interlaced = head
    equal((depth, kind in (2, 6), interlaced), (8, True, 0), "format")
    n = 3 if kind == 2 else 4
    data = zlib.decompress(data)
    size = width * n
    equal(len(data), height * (size + 1), "octets")
    colours, above = collections.Counter(), bytearray(size)
    for y in range(height):
        start = y * (size + 1)
        how, line = data[start], bytearray(data[start + 1:start + 1 + size])
        for i in range(size if how else 0):
            left = line[i - n] if i >= n else 0
            corner = above[i - n] if i >= n else 0
            line[i] = (line[i] + (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[how]) & 255
        for i in range(0, size, n):
            colours[bytes(line[i:i + 3])] += 1
        above = line
    return width, height, colours


@each_way("the page, with its style sheet and its picture")
def _(way):
    with Demo() as d:
        dom = browse(way, "--dump-dom", d.url(way)).decode()
        for word in ("<title>linnet-httpd</title>", "<h1>linnet-httpd</h1>", 'href="/shows.html"', "This page came from"):
            assert word in dom, dom
        wanted = {("/", "200"), ("/style.css", "200"), ("/linnet.svg", "200")}
        until(lambda: wanted <= {re.search(r'"GET (\S+) HTTP/1.1" (\d+)', line).groups() for line in d.access()},
              "the page and what it needs in the access log")
        d.carried(way)


@each_way("what is to be seen: the colours of style sheet and picture")
def _(way):
    with Demo() as d, temporary_folder() as folder:
        path = os.path.join(folder, "seen.png")
        browse(way, f"--screenshot={path}", d.url(way))
        width, height, colours = pixels(contents(path))
        equal((width, height), (WIDTH, HEIGHT))
        print(f"# {len(colours)} colours, the most frequent {colours.most_common(3)}")
        assert len(colours) > 50, "it is blank"
        equal(colours.most_common(1)[0][0], bytes.fromhex("fdfdfb"), "the background")
        style = contents(os.path.join(d.site, "style.css")).decode()
        for name, colour, least, text in (("the line below the header", "2a6f97", 2 * WIDTH * 3 // 4, style),
                                          ("the bird's body", "9c6b43", 300,
                                           contents(os.path.join(d.site, "linnet.svg")).decode())):
            assert "#" + colour in text, f"{name} is not #{colour} in the site"
            got = colours[bytes.fromhex(colour)]
            assert got >= least, f"{name}: {got} pixels of #{colour}"
        d.carried(way)


SHIM = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"


class Page:
    """A page of a browser that is told what to do by the DevTools protocol, over pipes."""

    def __init__(self, way, *args):
        self.folder = temporary_folder()
        command, self.commands = os.pipe()
        self.events, event = os.pipe()
        # Numbers that do not get in the way of 3 and 4, where the browser has them
        passed = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (command, event)]
        self.log = open(os.path.join(self.folder.name, "log"), "w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHIM, *map(str, passed),
             *way.command(chromium(), *OPTIONS, f"--user-data-dir={self.folder.name}/data", "--remote-debugging-pipe", *args,
                          "about:blank")],
            pass_fds=passed, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        for fd in (command, event, *passed):
            os.close(fd)
        self.number, self.received, self.seen, self.session = 0, b"", [], None
        try:
            target = self.ask("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            self.ask("Page.enable")
            self.ask("DOM.enable")
        except BaseException:
            self.end()
            raise

    def message(self):
        """The next one that comes."""
        while b"\0" not in self.received:
            if not select.select([self.events], [], [], CLIENT_PATIENCE)[0]:
                raise AssertionError("the browser says nothing")
            piece = os.read(self.events, 1 << 16)
            if not piece:
                self.log.seek(0)
                raise AssertionError(f"the browser ended: {self.log.read()[-1000:]}")
            self.received += piece
        text, self.received = self.received.split(b"\0", 1)
        return json.loads(text)

    def ask(self, method, **params):
        self.number += 1
        session = {"sessionId": self.session} if self.session else {}
        os.write(self.commands, json.dumps({"id": self.number, "method": method, "params": params, **session}).encode() + b"\0")
        while True:
            m = self.message()
            if m.get("id") == self.number:
                assert "error" not in m, (method, m)
                return m["result"]
            self.seen.append(m)

    def event(self, method):
        """Wait for an event that came since the last forget()."""
        while True:
            for m in self.seen:
                if m.get("method") == method:
                    return m["params"]
            self.seen.append(self.message())

    def forget(self):
        self.seen.clear()

    def value(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def visit(self, url):
        self.forget()
        answer = self.ask("Page.navigate", url=url)
        assert "errorText" not in answer, answer
        self.event("Page.loadEventFired")

    def send(self, button):
        """Click a button that leads to another page; returns what is to be read there."""
        self.forget()
        self.value(f'document.getElementById("{button}").click()')
        self.event("Page.loadEventFired")
        return self.value("document.body.innerText")

    def end(self):
        with contextlib.suppress(AssertionError, OSError):
            if self.process.poll() is None:
                self.session = None
                self.ask("Browser.close")
                self.process.wait(CLIENT_PATIENCE)
        self.process.kill()
        self.process.wait()
        os.close(self.commands)
        os.close(self.events)
        self.log.close()
        with contextlib.suppress(OSError):      # its processes may write a little longer
            self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()


@each_way("the forms: fields, fields and a file, octets; and what the scripts show")
def _(way):
    with Demo(tls=True) as d, Page(way, "--ignore-certificate-errors") as page:
        data = os.urandom(50_000)
        path = d.put("upload.bin", data)
        page.visit(d.url(way, "/send.html"))
        equal(page.value("document.title"), "Send something")
        page.value('document.querySelector("textarea[name=text]").value = "Hänfling & Co\\n1 < 2"')
        text = page.send("urlencoded")
        for word in ("Linnet", "Hänfling & Co", "1 < 2"):
            assert word in text, text
        page.visit(d.url(way, "/send.html"))
        root = page.ask("DOM.getDocument")["root"]["nodeId"]
        node = page.ask("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        page.ask("DOM.setFileInputFiles", files=[path], nodeId=node)
        text = page.send("multipart")
        for word in ("Linnet", "upload.bin", str(len(data)), sha(data)):
            assert word in text, (word, text)
        page.visit(d.url(way, "/send.html"))
        page.value('document.getElementById("opaque").click()')
        answer = until(lambda: page.value('document.getElementById("answer").textContent'), "the answer", CLIENT_PATIENCE)
        octets = b"As it is, without names."
        assert answer.startswith("200\n") and sha(octets) in answer and str(len(octets)) in answer, answer
        # The scripts of the other page: a range, and the protocol that the page came by
        page.visit(d.url(way, "/shows.html"))
        equal(page.value('document.getElementById("protocol").textContent'), "http/1.1")
        page.value('document.getElementById("range").click()')
        part = until(lambda: (p := page.value('document.getElementById("part").textContent')) != "not asked yet" and p,
                     "the range", CLIENT_PATIENCE)
        svg = contents(os.path.join(d.site, "linnet.svg"))
        equal(part, f"206 bytes 0-9/{len(svg)}: {svg[:10].decode()}")
        # The same over TLS is HTTP/2.
        page.visit(d.tls_url(way, "/shows.html"))
        equal(page.value('document.getElementById("protocol").textContent'), "h2")
        equal([m[1] for line in d.access() if (m := re.search(r'"POST /form HTTP/1.1" (\d+)', line))], ["200"] * 3)
        d.carried(way)


if __name__ == "__main__":
    main()
