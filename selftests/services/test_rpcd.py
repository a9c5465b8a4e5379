#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-rpcd beside Python's own XML-RPC server: the same calls, the same octets."""
import code
import contextlib
import gzip
import http.client
import io
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
from xmlrpc.client import Binary, DateTime, Fault, dumps, loads

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
from harness import (Daemon, PATIENCE, Skip, equal, main, need, temporary_folder, test,
                     transports, until, textbook, tree)


# The textbook's class, for where the textbook is not.
CLASS = """
class KeyValueServer:
    def __init__(self):
        self._data = {}
    def get(self, name):
        return self._data[name]
    def set(self, name, value):
        self._data[name] = value
    def delete(self, name):
        del self._data[name]
    def exists(self, name):
        return name in self._data
    def keys(self):
        return list(self._data)
"""


class Model:
    """Python's dispatcher with the textbook's methods: what it answers is right."""

    def __init__(self):
        from xmlrpc.server import SimpleXMLRPCDispatcher
        names = {"__name__": "__main__"}
        exec(CLASS, names)  # pylint: disable=exec-used
        self.object = names["KeyValueServer"]()
        self.dispatcher = SimpleXMLRPCDispatcher(allow_none=True)
        for name in ("get", "set", "delete", "exists", "keys"):
            self.dispatcher.register_function(getattr(self.object, name))
        self.dispatcher.register_introspection_functions()
        self.dispatcher.register_multicall_functions()

    def answer(self, body):
        return self.dispatcher._marshaled_dispatch(body)  # pylint: disable=protected-access


class Client:
    """One keep-alive connection."""

    def __init__(self, daemon, protocol=socket.IPPROTO_TCP):
        self.daemon, self.protocol = daemon, protocol
        self.http = None

    def post(self, body, path="/RPC2", method="POST", **fields):
        if not self.http:
            self.http = http.client.HTTPConnection("localhost")
            self.http.sock = self.daemon.connect(self.protocol)
        headers = {"Content-Type": "text/xml"}
        headers.update({k.replace("_", "-"): v for k, v in fields.items()})
        self.http.request(method, path, body, headers)
        r = self.http.getresponse()
        r.body = r.read()
        if r.will_close:
            self.http.close()
            self.http = None
        return r

    def answer(self, body):
        r = self.post(body)
        equal(r.status, 200, body[:200])
        equal(r.getheader("Content-Type"), "text/xml", "type")
        return r.body

    def call(self, name, *params):
        return loads(self.answer(dumps(params, name, allow_none=True).encode()))[0][0]

    def fault(self, name, *params):
        try:
            value = self.call(name, *params)
        except Fault as f:
            equal(f.faultCode, 1, "faultCode")
            return f.faultString
        raise AssertionError(f"{name}{params} returned {value!r}")

    def raw_fault(self, body):
        try:
            value = loads(self.answer(body))
        except Fault as f:
            return f.faultString
        raise AssertionError(f"{body!r} returned {value!r}")


def memory(*args):
    return Daemon("linnet-rpcd", "--store", "memory", *args)


def calls():
    """What is asked of both servers, in order."""
    d = DateTime("20200101T00:00:00")
    keys = ["spam", "it's", 'it\'s "x"', "a\nb\t\\é\u200b\x7f😀\xa0\u0378\U000e0001", "", True, None, 1.5,
            1e22, 1e16, 123456789012345680.0, 5, -7, 2**31 - 1, -2**31, 0.1, 1e-5, 1e-4, -0.5]
    for key in keys:
        yield "get", (key,)
        yield "exists", (key,)
        yield "delete", (key,)
        yield "set", (key, [key])
        yield "exists", (key,)
        yield "get", (key,)
    yield "keys", ()
    for bad in ([1], {"a": 1}):
        for name in ("get", "delete", "exists"):
            yield name, (bad,)
        yield "set", (bad, 1)
    for name in ("get", "delete", "exists"):
        yield name, (d,)
        yield name, (Binary(b"x"),)
    for n in range(6):
        for name in ("get", "set", "delete", "exists", "keys", "nope", "", "system.methodHelp",
                     "system.multicall", "system.methodSignature"):
            if name != "keys" or n:
                yield name, tuple([f"no{n}"] * n)
    # 1, 1.0 and True are one key, which stays as it was first set.
    yield "set", (1.0, "one")
    for key in (1, True, 1.0):
        yield "get", (key,)
        yield "set", (key, repr(key))
        yield "keys", ()
    yield "set", (False, "none")
    for key in (0, -0.0, 0.0):
        yield "get", (key,)
    yield "delete", (True,)
    yield "set", (1, "again")
    yield "keys", ()
    values = [0, -1, True, False, None, "", " a ", "<&>\"'", "\n\t", "é😀", 1.0, -0.0, 1e22, 1e-7, 0.1,
              5e-324, 1.7976931348623157e308, 2.0**-44, 2**53 + 0.0, [], {}, [[], [[]]], Binary(b""),
              Binary(b"x" * 57), Binary(b"y" * 58), Binary(bytes(range(256))), d,
              {"a<": 1, "": [None, True, {"x": {}}], "é": "z"}, [1, "2", 3.0, None]]
    for i, value in enumerate(values):
        yield "set", (f"value{i}", value)
        yield "get", (f"value{i}",)
    yield "system.multicall", ([{"methodName": "get", "params": ["spam"]},
                                {"methodName": "get", "params": ["none"]},
                                {"methodName": "set", "params": ["m", {"x": [1]}]},
                                {"methodName": "get", "params": ["m"]},
                                {"methodName": "get", "params": []},
                                {"methodName": "get", "params": "ab"},
                                {"methodName": "get", "params": {"a": 1}},
                                {"methodName": [1], "params": []},
                                {"methodName": 1, "params": []},
                                {"methodName": "zzz", "params": []},
                                {"methodName": "system.multicall", "params": [[]]},
                                {"methodName": "system.multicall", "params": [
                                    [{"methodName": "get", "params": ["m"]},
                                     {"methodName": "get", "params": ["none"]}]]}],)
    for bad in (1, None, "ab", "", {}, {"a": 1}, [1], ["x"], [[1]], [None], [1.5], [True], [d],
                [{"params": [1]}], [{"methodName": "get"}], []):
        yield "system.multicall", (bad,)


@test("every call of a long session is answered octet by octet as Python's server answers it")
def _():
    model = Model()
    with memory() as d:
        c = Client(d)
        for name, params in calls():
            body = dumps(params, name or None, allow_none=True).encode()
            if not name:
                body = b"<methodCall><methodName></methodName></methodCall>"
            got, expected = c.answer(body), model.answer(body)
            # Ours have help; Python's own method has none.
            if name == "system.methodHelp" and params == ("no1",):
                equal(loads(got), loads(expected), "help")
            equal(got.decode(), expected.decode(), f"{name}{params!r}")
        c.http.close()
        equal(d.end(), 0, "exit status")


@test("doubles are written with the fewest digits, as Python's repr() has them")
def _():
    r = random.Random(253)
    numbers = [2.0**e for e in range(-1074, 1024)]
    numbers += [-x for x in numbers[::7]] + [float(10**e) for e in range(-20, 23)]
    while len(numbers) < 12000:
        x = struct.unpack("<d", r.randbytes(8))[0]
        if x - x == 0:
            numbers.append(x)
    numbers += [round(r.uniform(-1000, 1000), r.randrange(8)) for _ in range(3000)]
    with memory() as d:
        c = Client(d)
        for i in range(0, len(numbers), 3000):
            part = numbers[i:i + 3000]
            c.call("set", "numbers", part)
            body = c.answer(dumps(("numbers",), "get").encode()).decode()
            equal(re.findall("<double>(.*?)</double>", body), [repr(x) for x in part], "doubles")


@test("repr() of every character is Python's, in the text of a KeyError")
def _():
    with memory() as d:
        c = Client(d)
        characters = [chr(i) for i in range(9, 0x110000) if i not in range(14, 32) and i not in (11, 12)
                      and not 0xd800 <= i < 0xe000 and i not in (0xfffe, 0xffff)]
        for i in range(0, len(characters), 20000):
            text = "".join(characters[i:i + 20000]).replace("\r", "")
            equal(c.fault("get", text), f"<class 'KeyError'>:{text!r}", f"from {i}")


def call(value):
    return (b"<methodCall><methodName>set</methodName><params><param><value>k</value></param><param>"
            b"<value>" + value + b"</value></param></params></methodCall>")


@test("values as other programs write them: blanks, prefixes, default type, encodings")
def _():
    cases = [(b"<int> 12 </int>", 12), (b"<int>+5</int>", 5), (b"<i4>-5</i4>", -5), (b"<i4>007</i4>", 7),
             (b"<i8>9223372036854775807</i8>", 2**63 - 1), (b"<ex:i8>-9223372036854775808</ex:i8>", -2**63),
             (b"<i1>-128</i1>", -128), (b"<i2>32767</i2>", 32767), (b"", ""), (b"  x ", "  x "),
             (b"<string> a </string>", " a "), (b"<string/>", ""), (b"<nil/>", None), (b"<ex:nil/>", None),
             (b"<nil></nil>", None), (b" <int>1</int>\n", 1), (b"a<![CDATA[<b>]]>&amp;&#233;", "a<b>&\xe9"),
             (b"x<!-- c -->y", "xy"), (b"<double> 1.5 </double>", 1.5), (b"<double>-.5e-1</double>", -.05),
             (b"<double>1</double>", 1.0), (b"<float>2.5</float>", 2.5), (b"<double>1e-999</double>", 0.0),
             (b"<boolean>1</boolean>", True), (b"<array><data/></array>", []), (b"<struct/>", {}),
             (b"<struct><member><value>1</value><name>n</name></member></struct>", {"n": "1"}),
             (b"<struct><member><name>a</name><value>1</value></member><member><name>b</name><value>2</value>"
              b"</member><member><name>a</name><value>3</value></member></struct>", {"a": "3", "b": "2"}),
             (b"<base64>\n YW\nJj </base64>", Binary(b"abc")), (b"<base64/>", Binary(b"")),
             (b"<dateTime.iso8601> 20240229T23:59:60 </dateTime.iso8601>", DateTime("20240229T23:59:60")),
             (b"<dateTime.iso8601>2024-02-29T00:00:00.5Z</dateTime.iso8601>",
              DateTime("2024-02-29T00:00:00.5Z")),
             (b"<dateTime.iso8601>20240229T000000+01:30</dateTime.iso8601>",
              DateTime("20240229T000000+01:30")), (b"a&#13;&#10;b", "a\r\nb")]
    with memory() as d:
        c = Client(d)
        for text, value in cases:
            equal(loads(c.answer(call(text)))[0][0], None, text)
            got = c.call("get", "k")
            equal((type(got), got), (type(value), value), text)
        for header, encoding in ((b'<?xml version="1.0" encoding="iso-8859-1"?>', "latin-1"),
                                 (b'<?xml version="1.0" encoding="US-ASCII"?>', "ascii"),
                                 (b"", "utf-16"), (b"\xef\xbb\xbf", "utf-8")):
            text = "<b>\xe9" if encoding != "ascii" else "<b>"
            body = dumps(("k", text), "set").split("\n", 1)[1]
            equal(loads(c.answer(header + body.encode(encoding)))[0][0], None, encoding)
            equal(c.call("get", "k"), text, encoding)


EXPAT = "<class 'xml.parsers.expat.ExpatError'>:"
STRUCTURE = "<class 'xmlrpc.client.ResponseError'>:ResponseError"
BOMB = (b'<!DOCTYPE b [<!ENTITY a "' + b"a" * 100 + b'">' +
        b"".join(b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 10) for c in b"bcdefgh") +
        b"]><methodCall><methodName>&h;</methodName></methodCall>")
METHOD = b"<methodCall><methodName>keys</methodName>"


def refusals():
    """Calls that are none, and the beginning of the fault that tells."""
    for text in (b"", b" ", b"x", b"\xff", b"<methodCall>", METHOD + b"</methodCall>junk",
                 b"<methodCall></x>", METHOD + b"<params></methodCall>", b"<methodCall a=1/>",
                 b"<methodCall>\0</methodCall>", METHOD + b"&#1;</methodCall>", METHOD + b"&x;</methodCall>",
                 b"<methodCall><methodName>\xc0\x80</methodName></methodCall>",
                 b"<methodCall><methodName>\xed\xa0\x80</methodName></methodCall>",
                 b'<?xml version="1.0" encoding="x-none"?><methodCall/>',
                 b'<?xml version="1.0"?><?xml version="1.0"?><methodCall/>', METHOD + b"<![CDATA[</methodCall>"):
        yield text, EXPAT
    for text in (b"<a/>", b"<a>", b"<methodCall/>", b"<methodResponse><params/></methodResponse>", BOMB,
                 b"<!DOCTYPE methodCall><methodCall/>",
                 b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><methodCall/>', METHOD + b"text</methodCall>",
                 METHOD + b"<x/></methodCall>", METHOD + b"<methodName>a</methodName></methodCall>",
                 METHOD + b"<params/><params/></methodCall>", METHOD + b"<params>a</params></methodCall>",
                 METHOD + b"<params><param/></params></methodCall>",
                 METHOD + b"<params><value/></params></methodCall>",
                 METHOD + b"<params><param><value/><value/></param></params></methodCall>",
                 b"<methodCall><methodName><b/></methodName></methodCall>",
                 b"<methodCall><methodName>" + b"a" * 2000 + b"</methodName></methodCall>",
                 b"<methodCall><params/></methodCall>"):
        yield text, STRUCTURE
    for value in (b"<foo>1</foo>", b"<int>1</int><int>2</int>", b"a<int>1</int>", b"<int>1</int>a",
                  b"<int><int>1</int></int>", b"<array/>", b"<array><value/></array>",
                  b"<array><data/><data/></array>", b"<array><data><int>1</int></data></array>",
                  b"<struct><member/></struct>", b"<struct><member><name>a</name></member></struct>",
                  b"<struct><member><value>a</value></member></struct>", b"<struct><name>a</name></struct>",
                  b"<nil>x</nil>", b"<bigdecimal>1</bigdecimal>",
                  b"<value>" * 100 + b"</value>" * 100,
                  b"<array><data><value>" * 65 + b"</value></data></array>" * 65,
                  b"<array><data>" + b"<value/>" * 100001 + b"</data></array>"):
        yield call(value), STRUCTURE
    for value, fault in ((b"<int>x</int>", "ValueError'>:invalid literal for int() with base 10: 'x'"),
                         (b"<int></int>", "ValueError'>:invalid literal for int() with base 10: ''"),
                         (b"<int/>", "ValueError'>:invalid literal for int() with base 10: ''"),
                         (b"<int>1.0</int>", "ValueError"), (b"<int>0x10</int>", "ValueError"),
                         (b"<int>1_0</int>", "ValueError"), (b"<int>--1</int>", "ValueError"),
                         (b"<int>1 2</int>", "ValueError"), (b"<int>\xd9\xa1</int>", "ValueError"),
                         (b"<int>2147483648</int>", "OverflowError'>:int exceeds XML-RPC limits"),
                         (b"<i4>-2147483649</i4>", "OverflowError"), (b"<i1>128</i1>", "OverflowError"),
                         (b"<i8>9223372036854775808</i8>", "OverflowError"),
                         (b"<i8>" + b"9" * 500 + b"</i8>", "OverflowError"),
                         (b"<boolean>2</boolean>", "TypeError'>:bad boolean value"),
                         (b"<boolean>true</boolean>", "TypeError'>:bad boolean value"),
                         (b"<boolean/>", "TypeError"), (b"<boolean> 1</boolean>", "TypeError"),
                         (b"<double>x</double>", "ValueError'>:could not convert string to float: 'x'"),
                         (b"<double/>", "ValueError"), (b"<double>.</double>", "ValueError"),
                         (b"<double>inf</double>", "ValueError"), (b"<double>-Infinity</double>", "ValueError"),
                         (b"<double>nan</double>", "ValueError"), (b"<double>0x1p3</double>", "ValueError"),
                         (b"<double>1e</double>", "ValueError"), (b"<double>1,5</double>", "ValueError"),
                         (b"<double>1e999</double>", "OverflowError"),
                         (b"<double>-" + b"9" * 400 + b"</double>", "OverflowError"),
                         (b"<base64>!!!</base64>", "binascii.Error'>:Only base64 data is allowed"),
                         (b"<base64>YWJ</base64>", "binascii.Error'>:Incorrect padding"),
                         (b"<base64>YQ=</base64>", "binascii.Error"), (b"<base64>Y===</base64>", "binascii.Error"),
                         (b"<base64>YQ==YQ==</base64>", "binascii.Error"),
                         (b"<dateTime.iso8601>zz</dateTime.iso8601>", "ValueError"),
                         (b"<dateTime.iso8601/>", "ValueError"),
                         (b"<dateTime.iso8601>20230229T00:00:00</dateTime.iso8601>", "ValueError"),
                         (b"<dateTime.iso8601>20240101T24:00:01</dateTime.iso8601>", "ValueError"),
                         (b"<dateTime.iso8601>2024-0101T00:00:00</dateTime.iso8601>", "ValueError"),
                         (b"<dateTime.iso8601>20240101T00:00:00+2</dateTime.iso8601>", "ValueError")):
        yield call(value), "<class '" + fault


@test("hostile and malformed calls get a fault that says what is wrong, and change nothing")
def _():
    model = Model()
    with memory() as d:
        c = Client(d)
        for body, fault in refusals():
            got = c.raw_fault(body)
            if not got.startswith(fault):
                raise AssertionError(f"{body[:200]!r}: {got}, expected {fault}")
            if fault == EXPAT and b"x-none" not in body:
                try:
                    loads(model.answer(body))
                except Fault as f:
                    equal(got, f.faultString, body)
        equal(c.call("keys"), [], "keys")


@test("a call may arrive octet by octet, in chunks, and several in one packet")
def _():
    body = dumps(("k", ["\xe9" * 10, {"a": 1}]), "set").encode()
    with memory() as d:
        s = d.connect()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
        for octet in head + b"Content-Length: %d\r\n\r\n" % len(body) + body:
            s.send(bytes([octet]))
        r = http.client.HTTPResponse(s)
        r.begin()
        equal(loads(r.read())[0][0], None, "octets")
        s.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(body), 7):
            s.send(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]))
        s.send(b"0\r\n\r\n")
        r = http.client.HTTPResponse(s)
        r.begin()
        equal(loads(r.read())[0][0], None, "chunks")
        names = [b"k", b"none", b"k"]
        pipeline = b""
        for name in names:
            get = dumps((name.decode(),), "get").encode()
            pipeline += head + b"Content-Length: %d\r\n\r\n" % len(get) + get
        pipeline = pipeline[::-1].replace(b"\r\n\r\n"[::-1], b"\r\nConnection: close\r\n\r\n"[::-1], 1)[::-1]
        s.sendall(pipeline)
        data = b""
        while piece := s.recv(65536):
            data += piece
        equal(re.findall(rb"KeyError|<name>a", data), [b"<name>a", b"KeyError", b"<name>a"], "order")


@test("HTTP: paths, methods, types and codings that are none of a call's")
def _():
    body = dumps((), "keys").encode()
    with memory("--max-request", "4096", "--metrics", "/metrics") as d:
        c = Client(d)
        for path, method, fields, status in (
                ("/", "POST", {}, 200), ("/RPC2", "POST", {}, 200), ("/rpc2", "POST", {}, 404),
                ("/RPC2/", "POST", {}, 404), ("/RPC2?a", "POST", {}, 404), ("/x", "GET", {}, 404),
                ("/RPC2", "GET", {}, 405), ("/RPC2", "PUT", {}, 405), ("/", "DELETE", {}, 405),
                ("/RPC2", "PATCH", {}, 501), ("/RPC2", "OPTIONS", {}, 204),
                ("/RPC2", "POST", {"Content_Type": "text/plain"}, 415),
                ("/RPC2", "POST", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
                ("/RPC2", "POST", {"Content_Type": "multipart/form-data; boundary=a/xml"}, 415),
                ("/RPC2", "POST", {"Content_Type": "application/xml; charset=utf-8"}, 200),
                ("/RPC2", "POST", {"Content_Encoding": "br"}, 415),
                ("/RPC2", "POST", {"Content_Encoding": "identity"}, 200),
                ("/RPC2", "POST", {"Content_Encoding": "gzip"}, 400),
                ("/metrics", "POST", {}, 405)):
            equal(c.post(body, path, method, **fields).status, status, f"{method} {path} {fields}")
        r = c.post(body, "/nothing")
        equal((r.body, r.getheader("Content-Type")), (b"No such page", "text/plain"), "Python's 404")
        equal(c.post(None, method="GET").getheader("Allow"), "POST, OPTIONS", "Allow")
        equal(c.post(call(b"x" * 5000)).status, 413, "too long")
        coded = gzip.compress(body)
        equal(loads(c.post(coded, Content_Encoding="gzip").body)[0][0], [], "gzip")
        equal(loads(c.post(gzip.compress(body[:9]) + gzip.compress(body[9:]), Content_Encoding="gzip").body)[0][0],
              [], "two members")
        equal(c.post(coded[:-3], Content_Encoding="gzip").status, 400, "gzip cut off")
        equal(c.post(gzip.compress(b" " * 10**6), Content_Encoding="gzip").status, 413, "gzip bomb")
        text = c.post(None, "/metrics", "GET").body.decode()
        for name, value in (("calls_total", 6), ("faults_total", 0), ("calls_active", 0)):
            equal(int(re.search(rf"^linnet_rpc_{name} (\d+)", text, re.M)[1]), value, name)


@test("long answers are compressed for those who accept it, as Python's server does")
def _():
    with memory() as d:
        c = Client(d)
        c.call("set", "k", "a" * 5000)
        body = dumps(("k",), "get").encode()
        for accept, coding in (("gzip", "gzip"), ("deflate, gzip;q=0.5", "gzip"), ("gzip;q=0", None),
                               ("identity", None)):
            r = c.post(body, Accept_Encoding=accept)
            equal(r.getheader("Content-Encoding"), coding, accept)
            data = gzip.decompress(r.body) if coding else r.body
            equal(loads(data)[0][0], "a" * 5000, accept)
        equal(c.post(dumps((), "keys").encode(), Accept_Encoding="gzip").getheader("Content-Encoding"), None,
              "a short one")


@test("what is too long for an answer is a fault: keys() and a multicall of many")
def _():
    with memory("--max-answer", "50000") as d:
        c = Client(d)
        for i in range(300):
            c.call("set", f"key{i:010d}" + "x" * 200, i)
        if "OverflowError" not in c.fault("keys"):
            raise AssertionError("no OverflowError")
        page, seen = c.call("keysPage", None, 100), []
        while True:
            seen += page["keys"]
            if page["next"] is None:
                break
            page = c.call("keysPage", page["next"], 100)
        equal(seen, [f"key{i:010d}" + "x" * 200 for i in range(300)], "pages")
        c.call("set", "big", "y" * 20000)
        equal(len(c.call("get", "big")), 20000, "one")
        got = c.call("system.multicall", [{"methodName": "get", "params": ["big"]}] * 5)
        equal([type(x) for x in got], [list, list, dict, dict, dict], "multicall")
        for bad in (("x", 1), (None, 0), (None, 10**6), (None, "1"), (5, 1)):
            if not re.match("<class '(Value|Type)Error'>", c.fault("keysPage", *bad)):
                raise AssertionError(bad)


@test("introspection, capabilities and the nine methods of validator1")
def _():
    with memory() as d:
        c = Client(d)
        methods = c.call("system.listMethods")
        equal(methods, sorted(methods), "order")
        for name in methods:
            if not c.call("system.methodHelp", name):
                raise AssertionError(f"no help for {name}")
        equal(sum(m.startswith("validator1.") for m in methods), 9, "validator1")
        equal(c.call("system.methodSignature", "validator1.echoStructTest"), [["struct", "struct"]], "signature")
        equal(c.call("system.methodSignature", "get"), "signatures not supported", "none")
        equal(set(c.call("system.getCapabilities")) >= {"xmlrpc", "introspection", "system.multicall", "nil"},
              True, "capabilities")
        stooges = {"moe": 1, "larry": -2, "curly": 30, "x": "y"}
        equal(c.call("validator1.arrayOfStructsTest", [stooges, stooges]), 60, "arrayOfStructs")
        equal(c.call("validator1.countTheEntities", "<<>&&&'\"\"x"),
              {"ctLeftAngleBrackets": 2, "ctRightAngleBrackets": 1, "ctAmpersands": 3, "ctApostrophes": 1,
               "ctQuotes": 2}, "countTheEntities")
        equal(c.call("validator1.easyStructTest", stooges), 29, "easyStruct")
        equal(c.call("validator1.echoStructTest", stooges), stooges, "echoStruct")
        many = (5, True, "s<", 1.5, DateTime("20200101T00:00:00"), Binary(b"\0\xff"))
        equal(c.call("validator1.manyTypesTest", *many), list(many), "manyTypes")
        equal(c.call("validator1.moderateSizeArrayCheck", ["a"] + ["x" * 50] * 150 + ["b"]), "ab", "moderateSize")
        equal(c.call("validator1.nestedStructTest", {"1999": {}, "2000": {"04": {"01": stooges, "02": {}}}}), 29,
              "nestedStruct")
        equal(c.call("validator1.simpleStructReturnTest", 7), {"times10": 70, "times100": 700, "times1000": 7000},
              "simpleStruct")
        equal(c.call("validator1.whichToolkit")["toolkitName"], "linnet-rpcd", "whichToolkit")
        for bad in (("validator1.easyStructTest", {}), ("validator1.easyStructTest", 1),
                    ("validator1.nestedStructTest", {"2000": 1}), ("validator1.moderateSizeArrayCheck", [])):
            c.fault(*bad)


def build_module(folder, source):
    path = os.path.join(folder, "module.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-I" + os.path.join(tree(), "userspace/rpcd"), "-o", path, source,
                    "-lm"], check=True)
    return path


@test("a module's method: the example of thirty lines")
def _():
    if not tree():
        raise Skip("no source tree here")
    source = os.path.join(tree(), "userspace/rpcd/example/hypot.c")
    with temporary_folder() as folder, memory("--module", build_module(folder, source)) as d:
        c = Client(d)
        equal(c.call("example.hypot", 3.0, 4.0), 5.0, "hypot")
        equal(c.fault("example.hypot", 3.0), "<class 'TypeError'>:example.hypot() missing 1 required positional "
              "argument: 'y'", "too few")
        equal(c.fault("example.hypot", 1.0, 2.0, 3.0), "<class 'TypeError'>:example.hypot() takes 2 positional "
              "arguments but 3 were given", "too many")
        equal(c.fault("example.hypot", 3.0, "4"), "<class 'TypeError'>:example.hypot() takes double here, not "
              "string", "type")
        equal(c.fault("example.hypot", 1.7e308, 1.7e308), "<class 'OverflowError'>:1.7e+308 and 1.7e+308 are too "
              "large", "raise")


@test("configurations that cannot be are refused with the reason")
def _():
    from harness import program
    with temporary_folder() as folder:
        text = os.path.join(folder, "text")
        with open(text, "w", encoding="ascii") as f:
            f.write("this is no database, and not short either" * 100)
        for args, message, status in (
                (["--store", "redis:x"], "sqlite:FILE, memory, etcd:URL", 2),
                (["--store", "memory", "--workers", "2"], "one worker", 2),
                (["--store", "sqlite:/nonexistent/a.db"], "No such file", 2),
                (["--store", "sqlite:" + folder + "/"], "file's name", 2),
                (["--store", "etcd:ftp://x"], "http://HOST:PORT", 2),
                (["--store", "etcd:http://127.0.0.1:1/x"], "http://HOST:PORT", 2),
                (["--store", "sqlite:" + text], "not a database", 1),
                (["--store", "memory", "--module", "/nonexistent.so"], "No such file", 1),
                (["--store", "memory", "--module", text], "invalid ELF header", 1),
                (["--metrics", "/RPC2"], "neither / nor /RPC2", 2),
                (["--max-depth", "9999"], "256", 2), (["extra"], "options only", 2)):
            r = subprocess.run([program("linnet-rpcd"), "--port", "0", "--transport", "tcp", *args], text=True,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
            equal(r.returncode, status, f"{args}: {r.stderr}")
            if message not in r.stderr:
                raise AssertionError(f"{args}: {r.stderr}")


def sections():
    """The textbook's server and session: the two code blocks after its heading."""
    text = textbook()
    text = text[text.index("`XML-RPC`"):]
    server, session = re.findall(r"```python\n(.*?)```", text, re.S)[:2]
    return server, session


class Redirect(socket.socket):
    """Sockets to the book's port lead to another, by a protocol of our choice."""
    port, protocol = 0, 0

    def __init__(self, family=-1, kind=-1, proto=-1, fileno=None):
        if fileno is None and kind == socket.SOCK_STREAM:
            family, proto = socket.AF_INET, self.protocol
        super().__init__(family, kind, proto, fileno)

    def connect(self, address):
        super().connect(("127.0.0.1", self.port if address[1] == 15000 else address[1]))


def run_session(session, port, protocol):
    """Feed the session's input to Python's prompt; returns pairs of what it and the book print."""
    original = socket.socket
    Redirect.port, Redirect.protocol = port, protocol
    console = code.InteractiveConsole()
    pairs, expected, inputs = [], [], []
    for line in session.splitlines() + [">>>"]:
        if line.startswith(">>>"):
            if inputs:
                out = io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                    socket.socket = Redirect
                    try:
                        console.push(inputs[-1])
                    finally:
                        socket.socket = original
                pairs.append((inputs[-1], out.getvalue().splitlines(), expected))
            inputs, expected = [line[4:]], []
        else:
            expected.append(line)
    return pairs


def check_session(port, protocol, session):
    for line, got, expected in run_session(session, port, protocol):
        if line == "s.keys()":
            # The book's Python had no order of keys yet.
            got, expected = [sorted(eval(x[0])) for x in (got, expected)]  # pylint: disable=eval-used
        equal(got, expected, line)


@test("the textbook's client session with our server prints what the chapter prints, on each transport")
def _():
    _, session = sections()
    done = 0
    for name, protocol in transports():
        with contextlib.suppress(Skip):
            need(protocol)
            with temporary_folder() as folder, \
                    Daemon("linnet-rpcd", "--store", f"sqlite:{folder}/db") as d:
                check_session(d.port(name), protocol, session)
                done += 1
    equal(done >= 1, True, "transports")


@test("the textbook's own server passes the same checks with its client: the checks are right")
def _():
    server, session = sections()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", server.replace("15000", str(port))],
                               stderr=subprocess.DEVNULL)
    try:
        def listening():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False
        until(listening, "the textbook's server")
        check_session(port, socket.IPPROTO_TCP, session)
    finally:
        process.kill()
        process.wait()


PERL = """
use strict; use RPC::XML; use RPC::XML::Client;
$RPC::XML::ALLOW_NIL = 1;
my $c = RPC::XML::Client->new($ARGV[0]);
sub call { my $r = $c->send_request(@_); die "$RPC::XML::ERROR\\n" unless ref $r; $r }
call('set', 'perl', { list => [1, 'two', RPC::XML::double->new(2.5)], b => RPC::XML::boolean->new(1),
                      bin => RPC::XML::base64->new("\\0\\x01"), nil => RPC::XML::nil->new(1) });
my $v = call('get', 'perl')->value;
print join('|', @{$v->{list}}, $v->{b}, unpack('H*', $v->{bin}), defined $v->{nil} ? 'nil?' : 'undef'), "\\n";
my $f = call('get', 'nothing');
print $f->is_fault ? $f->string : 'no fault', "\\n";
print join(',', @{call('keys')->value}), "\\n";
"""


@test("Perl's RPC::XML client")
def _():
    if subprocess.run(["perl", "-MRPC::XML::Client", "-e1"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("librpc-xml-perl is not installed")
    with memory() as d:
        out = subprocess.run(["perl", "-e", PERL, f"http://127.0.0.1:{d.port('tcp')}/RPC2"], check=True, text=True,
                             stdout=subprocess.PIPE, timeout=PATIENCE).stdout
        equal(out.splitlines(), ["1|two|2.5|1|0001|undef", "<class 'KeyError'>:'nothing'", "perl"], "Perl")


@test("HTTP/2: the same calls by curl")
def _():
    with memory() as d, temporary_folder() as folder:
        path = os.path.join(folder, "call.xml")
        with open(path, "w", encoding="ascii") as f:
            f.write(dumps((), "keys"))
        r = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-H", "Content-Type: text/xml", "-d", "@" + path,
                            "-w", "%{http_version}", f"http://127.0.0.1:{d.port('tcp')}/RPC2"], check=True,
                           stdout=subprocess.PIPE, timeout=PATIENCE).stdout
        equal(r[-1:], b"2", "version")
        equal(loads(r[:-1])[0][0], [], "answer")


@test("many clients at once, each with its own keys, on each transport there is")
def _():
    for _, protocol in transports():
        try:
            need(protocol)
        except Skip:
            continue
        with temporary_folder() as folder, \
                Daemon("linnet-rpcd", "--store", f"sqlite:{folder}/db", "--workers", "2") as d:
            errors = []

            def work(number):
                try:
                    c = Client(d, protocol)
                    for i in range(30):
                        c.call("set", f"{number}.{i % 3}", i)
                        equal(c.call("get", f"{number}.{i % 3}"), i, "own write")
                except Exception as e:  # pylint: disable=broad-except
                    errors.append(e)
            threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            equal(errors, [], "errors")
            equal(len(Client(d, protocol).call("keys")), 48, "keys")


if __name__ == "__main__":
    main()
