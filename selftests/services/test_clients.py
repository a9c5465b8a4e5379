#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd with the clients that people have: curl, wget, nghttp, h2load, wrk, ab,
slowhttptest, Python's and Node's; each as it is, and by "linnet run"."""
import glob
import http.client
import json
import os
import re
import socket
import subprocess
import time

from clients import (CLIENT_PATIENCE, Demo, LIGHT, PATIENCE, PLAIN, contents, demo_folder, each_way, need_program, sha)
from harness import IPPROTO_LINNET, Skip, equal, main, until

SIZE = 300_000 if LIGHT else 3 << 20
BIG = os.urandom(SIZE)
CURL = ("curl", "-sS", "--noproxy", "*", "--max-time", str(CLIENT_PATIENCE))


def index():
    return contents(os.path.join(demo_folder(), "index.html"))


@each_way("curl: HTTP/1.0, 1.1, 2")
def _(way):
    with Demo() as d:
        d.put("big", BIG)
        # An upgrade to HTTP/2 is not taken up: RFC 9113 has it no more.
        for option, version in (("--http1.0", "1.0"), ("--http1.1", "1.1"), ("--http2", "1.1"),
                                ("--http2-prior-knowledge", "2")):
            out = os.path.join(d.folder, "out")
            word = way.run(*CURL, option, "-o", out, "-w", "%{http_version} %{response_code} %{content_type}",
                           d.url(way, "/files/big")).stdout.decode()
            # The answer to HTTP/1.0 is of HTTP/1.1, the server's version (RFC 9110, 2.5).
            equal(word, f"{version.replace('1.0', '1.1')} 200 application/octet-stream", option)
            equal(sha(contents(out)), sha(BIG), option)
            equal(way.run(*CURL, option, d.url(way)).stdout, index(), option)
            word = way.run(*CURL, option, "-I", d.url(way, "/nothing")).stdout.decode()
            assert re.match(r"HTTP/\S+ 404", word), word
        d.carried(way)


@each_way("curl: TLS, with HTTP/1.1 and HTTP/2, and a certificate that it does not know")
def _(way):
    with Demo(tls=True) as d:
        d.put("big", BIG)
        for option, version in (("--http1.1", "1.1"), ("--http2", "2")):
            out = os.path.join(d.folder, "out")
            word = way.run(*CURL, option, "--cacert", d.certificate, "-o", out, "-w", "%{http_version} %{response_code}",
                           d.tls_url(way, "/files/big")).stdout.decode()
            equal(word, f"{version} 200", option)
            equal(sha(contents(out)), sha(BIG), option)
        # 60: the peer's certificate is not known to be good
        way.run(*CURL, d.tls_url(way), status=60)
        d.carried(way)


@each_way("curl: ranges, and a download that goes on where it stopped")
def _(way):
    with Demo() as d:
        d.put("big", BIG)
        url = d.url(way, "/files/big")
        for spec, part in (("100-199", BIG[100:200]), ("-5", BIG[-5:]), (f"{SIZE - 10}-", BIG[-10:])):
            equal(way.run(*CURL, "-r", spec, url).stdout, part, spec)
        several = way.run(*CURL, "-r", "0-9,20-29", url).stdout
        equal((BIG[:10] in several, BIG[20:30] in several, several.count(b"Content-Range:")), (True, True, 2))
        out = os.path.join(d.folder, "out")
        with open(out, "wb") as f:
            f.write(BIG[:100_000])
        way.run(*CURL, "-C", "-", "-o", out, url)
        equal(sha(contents(out)), sha(BIG))
        equal(d.accessed("206")[9], str(SIZE - 100_000))
        d.carried(way)


@each_way("curl: uploads, with Expect: 100-continue, in chunks, over HTTP/2; DELETE")
def _(way):
    with Demo() as d:
        source = os.path.join(d.folder, "source")
        with open(source, "wb") as f:
            f.write(BIG)
        url = d.url(way, "/files/put")
        for option, expect in (("--http1.1", True), ("--http2-prior-knowledge", False)):
            header = ["-H", "Expect: 100-continue"] if expect else []
            done = way.run(*CURL, option, "-v", *header, "-T", source, "-w", "%{response_code}", url)
            assert done.stdout.endswith(b"201"), done.stdout
            equal(b"< HTTP/1.1 100 Continue" in done.stderr, expect, option)
            equal(sha(contents(os.path.join(d.files, "put"))), sha(BIG), option)
            equal(way.run(*CURL, option, "-X", "DELETE", "-w", "%{response_code}", url).stdout, b"204")
            equal(os.listdir(d.files), [])
        # in chunks, as its length is not known
        done = way.run(*CURL, "-v", "-T", "-", "-w", "%{response_code}", url, data=BIG)
        assert b"Transfer-Encoding: chunked" in done.stderr and done.stdout.endswith(b"201"), done
        equal(sha(contents(os.path.join(d.files, "put"))), sha(BIG), "in chunks")
        # Where nothing may be put, the refusal comes instead of 100.
        done = way.run(*CURL, "-v", "-H", "Expect: 100-continue", "-T", source, "-o", "/dev/null", "-w",
                       "%{response_code} %{size_upload}", d.url(way, "/nowhere"))
        equal(done.stdout, b"405 0", "refused")
        d.carried(way)


@each_way("curl: the three kinds of forms")
def _(way):
    with Demo() as d:
        url = d.url(way, "/form")
        source = os.path.join(d.folder, "source")
        with open(source, "wb") as f:
            f.write(BIG)

        def send(*args):
            return json.loads(way.run(*CURL, "-H", "Accept: application/json", *args, url).stdout)
        plain = send("--data-urlencode", "name=Hänfling & Co", "-d", "n=1", "-d", "n=2")
        text = json.dumps(plain, ensure_ascii=False)
        assert "Hänfling & Co" in text, text
        several = send("-F", "name=Linnet", "-F", f"file=@{source};filename=a.bin;type=image/png")
        text = json.dumps(several)
        for word in ("Linnet", "a.bin", "image/png", str(SIZE), sha(BIG)):
            assert word in text, (word, text)
        octets = send("-H", "Content-Type: application/octet-stream", "--data-binary", f"@{source}")
        text = json.dumps(octets)
        assert str(SIZE) in text and sha(BIG) in text, text
        d.carried(way)


def parallel(way, d, url, n, *options):
    folder = os.path.join(d.folder, "many")
    os.makedirs(folder, exist_ok=True)
    spec = "".join(f'url = "{url}"\noutput = "{folder}/{i}"\n' for i in range(n))
    words = way.run(*CURL, *options, "--parallel", "--parallel-max", "50", "-w", "%{http_version} %{response_code}\\n",
                    "-K", "-", data=spec.encode()).stdout.decode().splitlines()
    equal({sha(contents(os.path.join(folder, str(i)))) for i in range(n)}, {sha(BIG[:65536])})
    equal(len(words), n)
    return set(words)


@each_way("curl: 50 at once, on connections of their own, and on one of HTTP/2")
def _(way):
    n = 50 if LIGHT else 500
    with Demo(tls=True, text="workers = 2") as d:
        d.put("part", BIG[:65536])
        equal(parallel(way, d, d.url(way, "/files/part"), n, "--http1.1"), {"1.1 200"})
        before = len([line for line in d.lines if "connected (" in line])
        equal(parallel(way, d, d.tls_url(way, "/files/part"), n, "--http2", "--cacert", d.certificate), {"2 200"})
        # Those that curl starts before it knows that it is HTTP/2 may have one each.
        assert len([line for line in d.lines if "connected (" in line]) - before <= 50
        d.carried(way)


@each_way("wget: the site mirrored, a download that goes on")
def _(way):
    with Demo() as d:
        d.put("big", BIG)
        out = os.path.join(d.folder, "mirror")
        # 8: some answer was an error: the site has a link to a page that is not there
        way.run("wget", "-q", "--no-proxy", "-r", "-l", "5", "-nH", "-P", out, d.url(way), status=8)
        names = sorted(os.path.basename(path) for path in glob.glob(out + "/*") if not path.endswith("robots.txt"))
        expected = sorted(os.listdir(d.site))
        # "form" is what a form's action leads to, and no file of the site's
        equal([n for n in names if n != "form"], expected)
        for name in expected:
            equal(sha(contents(os.path.join(out, name))), sha(contents(os.path.join(d.site, name))), name)
        with open(os.path.join(d.folder, "big"), "wb") as f:
            f.write(BIG[:100_000])
        way.run("wget", "-q", "--no-proxy", "-c", "-P", d.folder, d.url(way, "/files/big"))
        equal(sha(contents(os.path.join(d.folder, "big"))), sha(BIG))
        # once more: it is complete, 416 says so
        way.run("wget", "-q", "--no-proxy", "-c", "-P", d.folder, d.url(way, "/files/big"))
        d.accessed("206", "416")
        d.carried(way)


@each_way("nghttp: a page with all that belongs to it")
def _(way):
    with Demo() as d:
        out = way.run("nghttp", "-n", "-a", "-s", d.url(way)).stdout.decode()
        equal(sorted(re.findall(r" 200 +\S+ (/\S*)$", out, re.M)), ["/", "/linnet.svg", "/style.css"], out)
        equal(way.run("nghttp", d.url(way, "/style.css")).stdout, contents(os.path.join(d.site, "style.css")))
        until(lambda: len([line for line in list(d.lines) if "connected (" in line]) == 2, "one connection for each")
        d.carried(way)


@each_way("h2load: HTTP/2, HTTP/1.1, TLS: all answers are 2xx")
def _(way):
    n = 500 if LIGHT else 20_000
    with Demo(tls=True) as d:
        for url, options in ((d.url(way), ("-m", "10")), (d.url(way), ("--h1", "-m", "10")), (d.tls_url(way), ("-m", "10"))):
            out = way.run("h2load", "-n", str(n), "-c", "10", *options, url).stdout.decode()
            m = re.search(rf"requests: {n} total, {n} started, {n} done, {n} succeeded, 0 failed, 0 errored, 0 timeout", out)
            assert m and re.search(rf"status codes: {n} 2xx, 0 3xx, 0 4xx, 0 5xx", out), out
            print("#", *options, url.split(":")[0], re.search("finished in.*", out)[0])
        d.carried(way)


@each_way("wrk: no error, all answers are 2xx")
def _(way):
    with Demo() as d:
        before = time.monotonic()
        out = way.run("wrk", "-t", "2", "-c", "20" if LIGHT else "100", "-d", "2", "--timeout", str(int(PATIENCE)),
                      d.url(way)).stdout.decode()
        m = re.search(r"(\d+) requests in", out)
        assert m and int(m[1]) > 20, out
        assert "Non-2xx" not in out and "Socket errors" not in out, out
        print(f"# {m[1]} requests, {time.monotonic() - before:.1f} s")
        d.carried(way)


@each_way("ab -k: all on kept connections, none failed")
def _(way):
    n = 500 if LIGHT else 20_000
    with Demo() as d:
        out = way.run("ab", "-q", "-k", "-n", str(n), "-c", "20", d.url(way)).stdout.decode()
        for word, number in (("Complete requests", n), ("Failed requests", 0), ("Keep-Alive requests", n)):
            equal(int(re.search(rf"{word}: +(\d+)", out)[1]), number, word)
        assert "Non-2xx" not in out, out
        print("#", re.search(r"Requests per second.*", out)[0])
        d.carried(way)


@each_way("slowhttptest: others are served while it runs, and headers that do not end get 408")
def _(way):
    n = 50 if LIGHT else 200
    protocol = IPPROTO_LINNET if way.transport == "linnet" else socket.IPPROTO_TCP
    for kind, path, args in (("-H", "/", ()), ("-B", "/form", ("-s", "8192")),
                             ("-X", "/files/big", ("-w", "10", "-y", "20", "-n", "2", "-z", "8"))):
        with Demo(limits='header-time = "1500ms" idle-time = "1500ms"') as d:
            d.put("big", BIG)
            p = way.start("slowhttptest", kind, "-c", str(n), "-r", str(n), "-i", "1", "-l", "4", "-x", "10", "-p", "3",
                          "-u", d.url(way, path), *args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                until(lambda: len([x for x in list(d.lines) if "connected (" in x]) >= n, "its connections", CLIENT_PATIENCE)
                times = []
                while p.poll() is None:
                    start = time.monotonic()
                    c = http.client.HTTPConnection("localhost")
                    c.sock = d.connect(protocol)
                    c.request("GET", "/")
                    r = c.getresponse()
                    equal((r.status, r.read()), (200, index()))
                    c.close()
                    times.append(time.monotonic() - start)
                    try:
                        p.wait(0.02)
                    except subprocess.TimeoutExpired:
                        pass
                assert times, "it ended at once"
                out = re.sub(r"\x1b\[[0-9;]*m", "", p.communicate(timeout=CLIENT_PATIENCE)[0])
            finally:
                p.kill()
                p.wait()
            print(f"# {kind}: {len(times)} other requests meanwhile, the slowest took {max(times):.3f} s")
            assert max(times) < PATIENCE / 10, "others had to wait"
            equal(set(re.findall(r"service available: *(\w+)", out)), {"YES"}, "service available")
            if kind == "-H":
                # The server ended them before the client wanted to.  Who sends on with its
                # body, or takes what it gets, makes progress: that one may stay.
                assert "No open connections left" in out, out[-1000:]
                until(lambda: len([x for x in list(d.lines) if "refused with 408" in x]) >= n, "408 for each")
            d.carried(way)


PYTHON = '''
import asyncio, hashlib, http.client, sys, urllib.request, urllib.parse
address, port, digest = sys.argv[1], int(sys.argv[2]), sys.argv[3]
url = f"http://{address}:{port}"

def check(data):
    assert hashlib.sha256(data).hexdigest() == digest, "the content differs"

c = http.client.HTTPConnection(address, port)
for _ in range(5):
    c.request("GET", "/files/big")
    r = c.getresponse()
    assert r.status == 200, r.status
    check(r.read())
    assert c.sock, "the connection was not kept"
c.request("GET", "/nothing")
r = c.getresponse()
assert r.status == 404 and r.read()
c.request("POST", "/form", iter([b"a=1&", b"b=2"]), {"Content-Type": "application/x-www-form-urlencoded",
          "Accept": "application/json"}, encode_chunked=True)
r = c.getresponse()
assert r.status == 200 and b'"2"' in r.read()
c.close()

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(url + "/files/big") as r:
    check(r.read())
# a redirect that it follows
with opener.open(url + "/files") as r:
    assert r.geturl() == url + "/files/" and b"big" in r.read()
try:
    opener.open(url + "/nothing")
    raise AssertionError("no error")
except urllib.error.HTTPError as e:
    assert e.code == 404
    e.close()
tag = opener.open(url + "/").headers["ETag"]
try:
    opener.open(urllib.request.Request(url + "/", headers={"If-None-Match": tag}))
    raise AssertionError("no 304")
except urllib.error.HTTPError as e:
    assert e.code == 304
    e.close()

async def get():
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET /files/big HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    check(await reader.read())
    writer.close()
    await writer.wait_closed()

async def many():
    await asyncio.gather(*(get() for _ in range(20)))
asyncio.run(many())
print("done")
'''


@each_way("Python: http.client, urllib, asyncio's streams")
def _(way):
    with Demo() as d:
        d.put("big", BIG)
        out = way.run("python3", "-c", PYTHON, PLAIN, str(d.where(way)), sha(BIG)).stdout
        equal(out, b"done\n")
        d.carried(way)


NODE = '''
const crypto = require("crypto");
const [base, digest] = process.argv.slice(1);
const sum = (data) => crypto.createHash("sha256").update(data).digest("hex");
const check = (good, what) => { if (!good) throw new Error(what); };
async function get() {
	const answer = await fetch(base + "/files/big");
	check(answer.ok && sum(Buffer.from(await answer.arrayBuffer())) === digest, "the content differs");
}
(async () => {
	await get();
	await Promise.all(Array.from({ length: 20 }, get));
	check((await fetch(base + "/nothing")).status === 404, "404");
	const form = new FormData();
	form.set("name", "Linnet");
	form.set("file", new Blob(["octets"]), "a.txt");
	const answer = await fetch(base + "/form", { method: "POST", body: form, headers: { Accept: "application/json" } });
	const text = await answer.text();
	check(answer.status === 200 && text.includes("Linnet") && text.includes("a.txt"), text);
	const put = await fetch(base + "/files/new", { method: "PUT", body: "content" });
	check(put.status === 201, "PUT " + put.status);
	check(await (await fetch(base + "/files/new")).text() === "content", "what was put");
	console.log("done");
})().catch((error) => {
	console.error(error);
	process.exit(1);
});
'''


@each_way("Node: fetch")
def _(way):
    need_program("node")
    with Demo() as d:
        d.put("big", BIG)
        kind = subprocess.run(["node", "-e", "console.log(typeof fetch)"], capture_output=True, text=True, check=False,
                              timeout=CLIENT_PATIENCE).stdout
        if "function" not in kind:
            raise Skip("this node has no fetch")
        out = way.run("node", "-e", NODE, d.url(way, ""), sha(BIG)).stdout
        equal(out, b"done\n")
        d.carried(way)


if __name__ == "__main__":
    main()
