#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Malformed and hostile HTTP/1 requests: the exact answers, and what becomes of the
connection.  A request hidden in another one must never be answered."""
import contextlib
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../userspace"))
from harness import (Daemon, MODULE, PATIENCE, equal, main, need, temporary_folder, test,
                     transports)

# BROKEN: closed, which the response could not say
OPEN, CLOSED, BROKEN = "open", "closed", "broken"
H = b"Host: h\r\n"
PROBE = b"GET /probe HTTP/1.1\r\nHost: h\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"
FORM = b"POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def get(target=b"/", fields=H, version=b"HTTP/1.1"):
    return b"GET " + target + b" " + version + b"\r\n" + fields + b"\r\n"


def line(text):
    """A request with this request line."""
    return text + b"\r\n" + H + b"\r\n"


def field(text):
    """A request that is good but for these fields."""
    return get(fields=H + text + b"\r\n")


def post(fields, body=b""):
    """Content that the form takes."""
    return FORM + fields + b"\r\n" + body


def chunks(body):
    return post(CHUNKED, body)


def ignored(fields, body=b""):
    """Content that nobody takes."""
    return b"GET / HTTP/1.1\r\n" + H + fields + b"\r\n" + body


# What is sent, the status codes that come back, and the connection's fate.
TABLE = [
    # --- the request line (RFC 9112, 3) ---
    ("a good request", get(), [200], OPEN),
    ("an empty line before", b"\r\n" + get(), [200], OPEN),
    ("two empty lines before", b"\r\n\r\n" + get(), [400], CLOSED),
    ("a bare LF before", b"\n" + get(), [400], CLOSED),
    ("a bare CR before", b"\r" + get(), [400], CLOSED),
    ("a blank before", b" " + get(), [400], CLOSED),
    ("bare LF at the end of the request line", b"GET / HTTP/1.1\n" + H + b"\r\n", [400], CLOSED),
    ("bare LF everywhere", b"GET / HTTP/1.1\nHost: h\n\n", [400], CLOSED),
    ("bare CR at the end of the request line", b"GET / HTTP/1.1\r" + H + b"\r\n", [400], CLOSED),
    ("CR CR LF at the end of the request line", b"GET / HTTP/1.1\r\r\n" + H + b"\r\n", [400], CLOSED),
    ("two blanks before the target", line(b"GET  / HTTP/1.1"), [400], CLOSED),
    ("two blanks after the target", line(b"GET /  HTTP/1.1"), [400], CLOSED),
    ("a tab before the target", line(b"GET\t/ HTTP/1.1"), [400], CLOSED),
    ("a tab after the target", line(b"GET /\tHTTP/1.1"), [400], CLOSED),
    ("a blank after the version", line(b"GET / HTTP/1.1 "), [400], CLOSED),
    ("a blank within the target", line(b"GET /a b HTTP/1.1"), [400], CLOSED),
    ("HTTP/0.9", b"GET /\r\n", [400], CLOSED),
    ("no version, but fields", line(b"GET /"), [400], CLOSED),
    ("no target", line(b"GET HTTP/1.1"), [400], CLOSED),
    ("no method", line(b"/ HTTP/1.1"), [400], CLOSED),
    ("a method alone", line(b"GET"), [400], CLOSED),
    ("version HTTP", line(b"GET / HTTP"), [400], CLOSED),
    ("version HTTP/1", line(b"GET / HTTP/1"), [400], CLOSED),
    ("version HTTP/1.", line(b"GET / HTTP/1."), [400], CLOSED),
    ("version HTTP/1.x", line(b"GET / HTTP/1.x"), [400], CLOSED),
    ("version HTTP/1.10", line(b"GET / HTTP/1.10"), [400], CLOSED),
    ("version HTTP/+1.1", line(b"GET / HTTP/+1.1"), [400], CLOSED),
    ("version HTTP/1,1", line(b"GET / HTTP/1,1"), [400], CLOSED),
    ("version http/1.1", line(b"GET / http/1.1"), [400], CLOSED),
    ("version ICY/1.1", line(b"GET / ICY/1.1"), [400], CLOSED),
    ("version HTTP/0.9 in words", line(b"GET / HTTP/0.9"), [505], CLOSED),
    ("version HTTP/2.0", line(b"GET / HTTP/2.0"), [505], CLOSED),
    ("version HTTP/3.0", line(b"GET / HTTP/3.0"), [505], CLOSED),
    ("version HTTP/1.2 is spoken to as 1.1", line(b"GET / HTTP/1.2"), [200], OPEN),
    ("version HTTP/1.9 is spoken to as 1.1", line(b"GET / HTTP/1.9"), [200], OPEN),
    ("NUL in the method", line(b"G\0T / HTTP/1.1"), [400], CLOSED),
    ("a parenthesis in the method", line(b"G(T / HTTP/1.1"), [400], CLOSED),
    ("an octet above 127 in the method", line(b"G\xcbT / HTTP/1.1"), [400], CLOSED),
    ("a TLS handshake", bytes.fromhex("16030100c8010000c40303") + bytes(40), [400], CLOSED),
    ("an SSH banner", b"SSH-2.0-OpenSSH_9.2\r\n", [400], CLOSED),
    ("SMTP", b"EHLO a\r\n", [400], CLOSED),
    ("nothing but CR LF, many times", b"\r\n" * 1000, [400], CLOSED),
    ("zeros", bytes(5000), [400], CLOSED),
    # --- methods (RFC 9110, 9) ---
    ("a method that does not exist", line(b"BREW / HTTP/1.1"), [501], CLOSED),
    ("a method in lower case", line(b"get / HTTP/1.1"), [501], CLOSED),
    ("a method of 32 letters", line(b"A" * 32 + b" / HTTP/1.1"), [501], CLOSED),
    ("a method of 5000 letters", line(b"A" * 5000 + b" / HTTP/1.1"), [501], CLOSED),
    ("CONNECT", line(b"CONNECT h:80 HTTP/1.1"), [501], CLOSED),
    ("CONNECT with a path", line(b"CONNECT / HTTP/1.1"), [501], CLOSED),
    ("TRACE", line(b"TRACE / HTTP/1.1"), [501], CLOSED),
    ("PRI as HTTP/1.1", line(b"PRI * HTTP/1.1"), [501], CLOSED),
    ("half of HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", [505], CLOSED),
    ("DELETE where it is not allowed", line(b"DELETE / HTTP/1.1"), [405], OPEN),
    ("PATCH where it is not allowed", line(b"PATCH / HTTP/1.1"), [405], OPEN),
    ("PROPFIND", line(b"PROPFIND / HTTP/1.1"), [405], OPEN),
    ("PUT where it is not allowed",
     b"PUT /x HTTP/1.1\r\n" + H + b"Content-Length: 3\r\n\r\nabc", [405], OPEN),
    ("POST to a file", b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3\r\n\r\nabc", [405], OPEN),
    # --- the target (RFC 9112, 3.2; RFC 3986) ---
    ("a target that is too long", get(b"/" + b"a" * 9000), [414], CLOSED),
    ("a query that is too long", get(b"/?" + b"a" * 9000), [414], CLOSED),
    ("a target that goes on and on", b"GET /" + b"a" * 200000, [414], CLOSED),
    ("a target without a slash", get(b"x"), [400], CLOSED),
    ("a target in authority form", get(b"h:80"), [400], CLOSED),
    ("an asterisk for GET", get(b"*"), [400], CLOSED),
    ("an asterisk for OPTIONS", line(b"OPTIONS * HTTP/1.1"), [204], OPEN),
    ("an asterisk and more", line(b"OPTIONS */ HTTP/1.1"), [400], CLOSED),
    ("a fragment", get(b"/#a"), [400], CLOSED),
    ("absolute form", get(b"http://h/"), [200], OPEN),
    ("absolute form, its scheme in capitals", get(b"HTTP://H/"), [200], OPEN),
    ("absolute form without a path", get(b"http://h"), [200], OPEN),
    ("absolute form with another Host", get(b"http://h/", b"Host: other\r\n"), [200], OPEN),
    ("absolute form without Host", get(b"http://h/", b""), [400], CLOSED),
    ("absolute form without authority", get(b"http:///"), [400], CLOSED),
    ("absolute form without anything", get(b"http://"), [400], CLOSED),
    ("absolute form with a user", get(b"http://u@h/"), [400], CLOSED),
    ("absolute form with a bad port", get(b"http://h:x/"), [400], CLOSED),
    ("absolute form of another scheme", get(b"ftp://h/"), [400], CLOSED),
    ("absolute form of a file", get(b"file:///etc/passwd"), [400], CLOSED),
    ("NUL in the target", get(b"/a\0b"), [400], CLOSED),
    ("a control character in the target", get(b"/a\x01"), [400], CLOSED),
    ("DEL in the target", get(b"/a\x7f"), [400], CLOSED),
    ("an octet above 127 in the target", get(b"/\xc3\xa4"), [400], CLOSED),
    ("a bare CR in the target", get(b"/a\rb"), [400], CLOSED),
    ("a bare LF in the target", get(b"/a\nb"), [400], CLOSED),
    ("above the root", get(b"/../etc/passwd"), [400], OPEN),
    ("above the root in escapes", get(b"/%2e%2e/etc/passwd"), [400], OPEN),
    ("above the root after going down", get(b"/a/../../etc/passwd"), [400], OPEN),
    ("escaped twice", get(b"/%252e%252e/etc/passwd"), [404], OPEN),
    ("above the root in overlong UTF-8", get(b"/%c0%ae%c0%ae/etc/passwd"), [404], OPEN),
    ("above the root by backslashes", get(b"/..\\..\\etc\\passwd"), [404], OPEN),
    ("dots and a semicolon", get(b"/..;/etc/passwd"), [404], OPEN),
    ("an escaped slash", get(b"/..%2fetc%2fpasswd"), [404], OPEN),
    ("an escaped NUL", get(b"/index.html%00.txt"), [400], OPEN),
    ("half an escape", get(b"/%"), [400], OPEN),
    ("half an escape with a digit", get(b"/%4"), [400], OPEN),
    ("an escape that is none", get(b"/%zz"), [400], OPEN),
    ("an escaped line end", get(b"/a%0d%0aX-Evil:%201"), [404], OPEN),
    ("many slashes", get(b"//////"), [200], OPEN),
    ("a scheme behind two slashes", get(b"//evil.example/"), [404], OPEN),
    # --- Host (RFC 9112, 3.2) ---
    ("no Host", get(fields=b""), [400], CLOSED),
    ("two Hosts", get(fields=b"Host: h\r\nHost: i\r\n"), [400], CLOSED),
    ("the same Host twice", get(fields=b"Host: h\r\nhost: h\r\n"), [400], CLOSED),
    ("an empty Host", get(fields=b"Host:\r\n"), [400], CLOSED),
    ("a blank Host", get(fields=b"Host:  \t \r\n"), [400], CLOSED),
    ("a blank within Host", get(fields=b"Host: a b\r\n"), [400], CLOSED),
    ("a user in Host", get(fields=b"Host: u@h\r\n"), [400], CLOSED),
    ("a path in Host", get(fields=b"Host: h/a\r\n"), [400], CLOSED),
    ("a bad port in Host", get(fields=b"Host: h:8x\r\n"), [400], CLOSED),
    ("a port alone in Host", get(fields=b"Host: :80\r\n"), [400], CLOSED),
    ("half an IPv6 address in Host", get(fields=b"Host: [::1\r\n"), [400], CLOSED),
    ("an IPv6 address and more in Host", get(fields=b"Host: [::1]x\r\n"), [400], CLOSED),
    ("an IPv6 address in Host", get(fields=b"Host: [::1]:80\r\n"), [200], OPEN),
    ("an octet above 127 in Host", get(fields=b"Host: \xff\r\n"), [400], CLOSED),
    ("HTTP/1.0 without Host", get(fields=b"", version=b"HTTP/1.0"), [200], CLOSED),
    ("HTTP/1.0 with two Hosts", get(fields=H + H, version=b"HTTP/1.0"), [400], CLOSED),
    ("HTTP/1.0 that stays", get(fields=b"Connection: keep-alive\r\n", version=b"HTTP/1.0"), [200], OPEN),
    # --- fields (RFC 9112, 5) ---
    ("a blank before the colon", field(b"X : y\r\n"), [400], CLOSED),
    ("a tab before the colon", field(b"X\t: y\r\n"), [400], CLOSED),
    ("a blank before the colon of Host", get(fields=b"Host : h\r\n"), [400], CLOSED),
    ("a blank before the first field", get(fields=b" X: y\r\n" + H), [400], CLOSED),
    ("a folded value", field(b"X: y\r\n z\r\n"), [400], CLOSED),
    ("a value folded by a tab", field(b"X: y\r\n\tz\r\n"), [400], CLOSED),
    ("a folded empty value", field(b"X:\r\n y\r\n"), [400], CLOSED),
    ("a line of blanks", field(b" \r\n"), [400], CLOSED),
    ("a bare LF after a value", field(b"X: y\nZ: z\r\n"), [400], CLOSED),
    ("a bare CR within a value", field(b"X: y\rZ: z\r\n"), [400], CLOSED),
    ("CR CR LF after a value", field(b"X: y\r\r\n"), [400], CLOSED),
    ("a bare LF for the empty line", b"GET / HTTP/1.1\r\n" + H + b"\n", [400], CLOSED),
    ("a bare CR for the empty line", b"GET / HTTP/1.1\r\n" + H + b"\r" + HIDDEN, [400], CLOSED),
    ("NUL in a value", field(b"X: a\0b\r\n"), [400], CLOSED),
    ("a control character in a value", field(b"X: a\x01b\r\n"), [400], CLOSED),
    ("DEL in a value", field(b"X: a\x7fb\r\n"), [400], CLOSED),
    ("a tab in a value", field(b"X: a\tb\r\n"), [200], OPEN),
    ("octets above 127 in a value", field(b"X: \xff\xfe\r\n"), [200], OPEN),
    ("an empty value", field(b"X:\r\n"), [200], OPEN),
    ("no name", field(b": y\r\n"), [400], CLOSED),
    ("no colon", field(b"abc\r\n"), [400], CLOSED),
    ("a blank within a name", field(b"X Y: z\r\n"), [400], CLOSED),
    ("NUL in a name", field(b"X\0: y\r\n"), [400], CLOSED),
    ("a parenthesis in a name", field(b"X(y): z\r\n"), [400], CLOSED),
    ("an octet above 127 in a name", field(b"X\xe9: y\r\n"), [400], CLOSED),
    ("100 fields", field(b"X: y\r\n" * 99), [200], OPEN),
    ("101 fields", field(b"X: y\r\n" * 100), [431], CLOSED),
    ("a value of 20,000 octets", field(b"X: " + b"y" * 20000 + b"\r\n"), [431], CLOSED),
    ("a name of 20,000 octets", field(b"X" * 20000 + b": y\r\n"), [431], CLOSED),
    ("many fields of much in sum", field((b"X: " + b"y" * 400 + b"\r\n") * 50), [431], CLOSED),
    ("fields that go on and on", b"GET / HTTP/1.1\r\n" + H + b"X: " + b"y" * 300000, [431], CLOSED),
    # --- length (RFC 9112, 6) ---
    ("Content-Length, then chunks", post(b"Content-Length: 6\r\n" + CHUNKED, b"0\r\n\r\n" + HIDDEN),
     [400], CLOSED),
    ("chunks, then Content-Length", post(CHUNKED + b"Content-Length: 6\r\n", b"0\r\n\r\n" + HIDDEN),
     [400], CLOSED),
    ("Content-Length: 0 and chunks", post(CHUNKED + b"Content-Length: 0\r\n", b"0\r\n\r\n"), [400], CLOSED),
    ("two lengths", post(b"Content-Length: 0\r\nContent-Length: 5\r\n", b"abcde"), [400], CLOSED),
    ("the same length twice", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"abcde"), [400], CLOSED),
    ("a list of lengths", post(b"Content-Length: 5, 5\r\n", b"abcde"), [400], CLOSED),
    ("a length with a plus", post(b"Content-Length: +5\r\n", b"abcde"), [400], CLOSED),
    ("a negative length", post(b"Content-Length: -5\r\n", b"abcde"), [400], CLOSED),
    ("a length in hexadecimal", post(b"Content-Length: 0x5\r\n", b"abcde"), [400], CLOSED),
    ("a length with a point", post(b"Content-Length: 5.0\r\n", b"abcde"), [400], CLOSED),
    ("a length with an exponent", post(b"Content-Length: 5e0\r\n", b"abcde"), [400], CLOSED),
    ("a length with a blank in it", post(b"Content-Length: 5 5\r\n", b"abcde"), [400], CLOSED),
    ("an empty length", post(b"Content-Length:\r\n", b"abcde"), [400], CLOSED),
    ("a length in quotes", post(b'Content-Length: "5"\r\n', b"abcde"), [400], CLOSED),
    ("a length beyond 64 bits", post(b"Content-Length: 18446744073709551621\r\n", b"abcde"), [400], CLOSED),
    ("a length of 2^63 - 1", post(b"Content-Length: 9223372036854775807\r\n", b"abcde"), [413], CLOSED),
    ("a length with a blank before its colon", post(b"Content-Length : 5\r\n", b"abcde"), [400], CLOSED),
    ("an underscore for the hyphen", ignored(b"Content_Length: 5\r\n"), [200], OPEN),
    ("GET with content", ignored(b"Content-Length: %d\r\n" % len(HIDDEN), HIDDEN), [200], OPEN),
    ("GET with a lot of content to come", ignored(b"Content-Length: 100000\r\n"), [200], CLOSED),
    ("HEAD with content",
     b"HEAD / HTTP/1.1\r\n" + H + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, [200], OPEN),
    ("a form that is too large", post(b"Content-Length: 1001\r\n", b"a=" + b"b" * 999), [413], OPEN),
    ("a form that is far too large", post(b"Content-Length: 1000000000\r\n"), [413], CLOSED),
    ("transfer coding gzip", post(b"Transfer-Encoding: gzip\r\n"), [501], CLOSED),
    ("transfer codings gzip, chunked", post(b"Transfer-Encoding: gzip, chunked\r\n"), [501], CLOSED),
    ("transfer coding identity", post(b"Transfer-Encoding: identity\r\n"), [501], CLOSED),
    ("transfer coding xchunked", post(b"Transfer-Encoding: xchunked\r\n"), [501], CLOSED),
    ("transfer coding cow", post(b"Transfer-Encoding: cow\r\n"), [501], CLOSED),
    ("transfer codings chunked, gzip", post(b"Transfer-Encoding: chunked, gzip\r\n"), [400], CLOSED),
    ("transfer codings chunked, identity", post(b"Transfer-Encoding: chunked, identity\r\n"), [400], CLOSED),
    ("chunked twice in a list", post(b"Transfer-Encoding: chunked, chunked\r\n"), [400], CLOSED),
    ("chunked in two fields", post(CHUNKED + CHUNKED), [400], CLOSED),
    ("chunked and another field", post(CHUNKED + b"Transfer-Encoding: cow\r\n"), [400], CLOSED),
    ("chunked with a parameter", post(b"Transfer-Encoding: chunked;a=b\r\n"), [400], CLOSED),
    ("an empty transfer coding", post(b"Transfer-Encoding:\r\n"), [400], CLOSED),
    ("a vertical tab before chunked", post(b"Transfer-Encoding: \x0bchunked\r\n"), [400], CLOSED),
    ("NUL after chunked", post(b"Transfer-Encoding: chunked\0\r\n"), [400], CLOSED),
    ("a blank before the colon of a coding", post(b"Transfer-Encoding : chunked\r\n"), [400], CLOSED),
    ("a coding folded", post(b"Transfer-Encoding:\r\n chunked\r\n"), [400], CLOSED),
    ("a coding behind a bare CR", post(b"X: y\rTransfer-Encoding: chunked\r\n"), [400], CLOSED),
    ("a coding behind a bare LF", post(b"X: y\nTransfer-Encoding: chunked\r\n"), [400], CLOSED),
    ("chunks from HTTP/1.0",
     b"POST /form HTTP/1.0\r\n" + H + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN, [400], CLOSED),
    # --- chunks (RFC 9112, 7.1) ---
    ("good chunks", chunks(b"3\r\na=b\r\n0\r\n\r\n"), [200], OPEN),
    ("chunks in capitals", post(b"TRANSFER-ENCODING: CHUNKED\r\n", b"3\r\na=b\r\n000\r\n\r\n"), [200], OPEN),
    ("chunk extensions", chunks(b'3;a;b=c;d="e;f"\r\na=b\r\n0;g\r\n\r\n'), [200], OPEN),
    ("a chunk extension that goes on and on", chunks(b"3;" + b"a" * 5000), [400], CLOSED),
    ("many chunk extensions", chunks((b"1;" + b"a" * 99 + b"\r\na\r\n") * 45), [400], CLOSED),
    ("a bare LF in a chunk extension", chunks(b"3;a\nb\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a bare CR in a chunk extension", chunks(b"3;a\rb\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("NUL in a chunk extension", chunks(b"3;\0\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a chunk without a size", chunks(b"\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a size that is none", chunks(b"g\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a negative size", chunks(b"-3\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a size with a plus", chunks(b"+3\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a size with 0x", chunks(b"0x3\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a blank before a size", chunks(b" 3\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a blank after a size", chunks(b"3 \r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a size beyond 64 bits", chunks(b"10000000000000003\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a size of 64 bits", chunks(b"ffffffffffffffff\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a size of many zeros", chunks(b"0" * 100 + b"3\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a bare LF after a size", chunks(b"3\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("a bare LF after a chunk", chunks(b"3\r\na=b\n0\r\n\r\n"), [400], CLOSED),
    ("nothing after a chunk", chunks(b"3\r\na=b0\r\n\r\n"), [400], CLOSED),
    ("a chunk longer than its size", chunks(b"2\r\na=b\r\n0\r\n\r\n"), [400], CLOSED),
    ("chunks of more than is allowed", chunks(b"400\r\n" + b"a" * 1024 + b"\r\n0\r\n\r\n"), [413], CLOSED),
    ("a chunk of a terabyte", chunks(b"10000000000\r\n" + b"a" * 2000), [413], CLOSED),
    ("a bad chunk that nobody reads", ignored(CHUNKED, b"g\r\n" + HIDDEN), [200], BROKEN),
    ("chunks that nobody reads", ignored(CHUNKED, b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n"),
     [200], OPEN),
    ("trailers", chunks(b"3\r\na=b\r\n0\r\nX: y\r\nContent-Length: 9\r\nHost: evil\r\n\r\n"), [200], OPEN),
    ("a bad trailer", chunks(b"3\r\na=b\r\n0\r\nX : y\r\n\r\n"), [400], CLOSED),
    ("a folded trailer", chunks(b"3\r\na=b\r\n0\r\nX: y\r\n z\r\n\r\n"), [400], CLOSED),
    ("a bare LF in the trailers", chunks(b"3\r\na=b\r\n0\r\nX: y\n\r\n"), [400], CLOSED),
    ("101 trailers", chunks(b"3\r\na=b\r\n0\r\n" + b"X: y\r\n" * 101 + b"\r\n"), [431], CLOSED),
    ("a trailer of 20,000 octets", chunks(b"3\r\na=b\r\n0\r\nX: " + b"y" * 20000), [431], CLOSED),
    # --- expectations (RFC 9110, 10.1.1) ---
    ("an expectation that cannot be met", ignored(b"Expect: 200-ok\r\n"), [417], CLOSED),
    ("one that can and one that cannot", post(b"Expect: 100-continue\r\nExpect: x\r\nContent-Length: 3\r\n"),
     [417], CLOSED),
    ("100-continue before content that is too large",
     post(b"Expect: 100-continue\r\nContent-Length: 1000000000\r\n"), [413], CLOSED),
    ("100-continue where nobody takes content",
     ignored(b"Expect: 100-continue\r\nContent-Length: 1000\r\n"), [200], CLOSED),
    ("an expectation of HTTP/1.0", get(fields=b"Expect: x\r\n", version=b"HTTP/1.0"), [200], CLOSED),
    # --- several requests (RFC 9112, 9.3) ---
    ("three at once", get() * 3, [200, 200, 200], OPEN),
    ("one behind Connection: close", get(fields=H + b"Connection: close\r\n") + HIDDEN, [200], CLOSED),
    ("one behind a close in a list", get(fields=H + b"Connection: x, Close\r\n") + HIDDEN, [200], CLOSED),
    ("one behind a bad one", get() + b"GET / HTTP/1.1\r\n\r\n" + HIDDEN, [200, 400], CLOSED),
    ("one behind HTTP/1.0", get(version=b"HTTP/1.0") + HIDDEN, [200], CLOSED),
    ("an upgrade that is not taken up", field(b"Connection: upgrade\r\nUpgrade: h2c\r\n"), [200], OPEN),
    ("an upgrade to WebSocket", field(b"Connection: upgrade\r\nUpgrade: websocket\r\n"), [200], OPEN),
    # --- ranges (RFC 9110, 14) ---
    ("a range beyond the end", field(b"Range: bytes=100-\r\n"), [416], OPEN),
    ("a range of nothing", field(b"Range: bytes=-0\r\n"), [416], OPEN),
    ("a range that is none", field(b"Range: bytes=b-a\r\n"), [200], OPEN),
    ("a thousand ranges", field(b"Range: bytes=" + b",".join([b"0-0"] * 1000) + b"\r\n"), [200], OPEN),
]


class Server:
    """linnet-httpd with a folder and a form."""

    def __init__(self, header_time="60s"):
        self.folder = temporary_folder()
        os.chmod(self.folder.name, 0o755)
        root = os.path.join(self.folder.name, "root")
        os.mkdir(root)
        with open(os.path.join(root, "index.html"), "w", encoding="ascii") as f:
            f.write("hello\n")
        config = os.path.join(self.folder.name, "httpd.conf")
        listen = "both" if MODULE else "tcp"
        with open(config, "w", encoding="ascii") as f:
            f.write('workers = 1\naccess-log = "none"\n'
                    'limits { header-size = 16k target-size = 8000 fields = 100\n'
                    f' header-time = {header_time} idle-time = {header_time} }}\n'
                    f'listen "127.0.0.1:0" {{ transports = "{listen}" }}\n'
                    'host "h" { default = true\n'
                    f' location "/" {{ files {{ root = "{root}" }} }}\n'
                    ' location "/form" { form { max = 1000 } }\n}\n')
        self.daemon = Daemon("linnet-httpd", "--config", config, ports=())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.daemon.__exit__(*exc)
        self.folder.cleanup()


class Client:
    """Octets out, responses in."""

    def __init__(self, server, protocol):
        self.socket = server.daemon.connect(protocol)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass        # refused before all was sent: the answer is there

    def more(self):
        piece = self.socket.recv(65536)
        self.rest += piece
        return piece

    def response(self, head=False):
        """Status, fields and content of the next response; None at the end."""
        while b"\r\n\r\n" not in self.rest:
            if not self.more():
                equal(self.rest, b"", "half a response")
                return None
        header, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = header.split(b"\r\n")
        equal(lines[0][:9], b"HTTP/1.1 ", "status line")
        status = int(lines[0][9:12])
        fields = {}
        for text in lines[1:]:
            name, value = text.split(b": ", 1)
            fields.setdefault(name.lower(), value)
        length = int(fields.get(b"content-length", 0))
        if head or status in (204, 304) or status < 200:
            length = 0
        while len(self.rest) < length:
            if not self.more():
                raise AssertionError(f"content cut off at {len(self.rest)} of {length}")
        content, self.rest = self.rest[:length], self.rest[length:]
        return status, fields, content


def converse(client, request, statuses, fate):
    """One row of the table."""
    client.send(request)
    for expected in statuses:
        answer = client.response(request.startswith(b"HEAD"))
        if not answer:
            raise AssertionError(f"closed instead of {expected}")
        status, fields, content = answer
        equal(status, expected, "status")
        if status == 405 and not fields.get(b"allow"):
            raise AssertionError("405 without Allow (RFC 9110, 15.5.6)")
        if b"evil" in content.lower() or b"x-evil" in fields:
            raise AssertionError(f"a response with something of ours: {fields} {content}")
    # Said beforehand, so that a client does not send the next request in vain
    equal(fields.get(b"connection") == b"close", fate == CLOSED, "Connection: close")
    if fate == OPEN:
        client.send(PROBE)
        answer = client.response()
        equal(answer and answer[0], 404, "the next request")
        equal(client.rest, b"", "something behind it")
    else:
        equal(client.response(), None, "something after the last response")


def check(row, server, protocol):
    _, request, statuses, fate = row
    with Client(server, protocol) as client:
        converse(client, request, statuses, fate)


def add_rows():
    """A test for each row and transport, on one server."""
    shared = {}

    def add(row, name, number, last):
        def run():
            need(number)
            if "server" not in shared:
                shared["server"] = Server()
            try:
                check(row, shared["server"], number)
            finally:
                if last:
                    shared.pop("server").__exit__(*sys.exc_info())
        test(f"{name}: {row[0]}")(run)

    for name, number in transports():
        for row in TABLE:
            add(row, name, number, row is TABLE[-1])


add_rows()


def on_transports(server, function):
    for _, number in transports()[:2 if MODULE else 1]:
        function(server, number)


@test("the same answers when the octets come in pieces")
def pieces():
    def run(server, number):
        for title, request, statuses, fate in TABLE:
            if len(request) > 300 or b"Expect" in request or request.startswith(b"HEAD"):
                continue
            with Client(server, number) as client:
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(0, len(request), 7):
                    client.send(request[i:i + 7])
                try:
                    converse(client, b"", statuses, fate)
                except AssertionError as why:
                    raise AssertionError(f"{title}: {why}") from None
    with Server() as server:
        on_transports(server, run)


@test("a header that does not come: 408")
def late_header():
    def run(server, number):
        with contextlib.ExitStack() as stack:
            clients = {start: stack.enter_context(Client(server, number))
                       for start in (b"G", b"GET / HTTP/1.1\r\nHost", b"PRI * HT", b"\r\nG")}
            for start, client in clients.items():
                client.send(start)
            for start, client in clients.items():
                status, fields, _ = client.response()
                equal(status, 408, start)
                equal(fields.get(b"connection"), b"close", start)
                equal(client.response(), None, start)
    with Server("1s") as server:
        on_transports(server, run)


@test("a header drop by drop: 408 all the same")
def slow_header():
    def run(server, number):
        with Client(server, number) as client:
            start = time.monotonic()
            client.send(b"GET /")
            # Faster than the limit, and without an end
            client.socket.settimeout(0.2)
            while True:
                client.send(b"a")
                try:
                    if client.more():
                        break
                except TimeoutError:
                    pass
                if time.monotonic() - start > PATIENCE:
                    raise AssertionError("goes on for ever")
            client.socket.settimeout(PATIENCE)
            equal(client.response()[0], 408)
    with Server("1s") as server:
        on_transports(server, run)


@test("content that does not come: 408")
def late_content():
    def run(server, number):
        with contextlib.ExitStack() as stack:
            clients = {request: stack.enter_context(Client(server, number))
                       for request in (post(b"Content-Length: 100\r\n", b"a="), chunks(b"3\r\na"),
                                       chunks(b"3\r\na=b\r\n0\r\nX"))}
            for request, client in clients.items():
                client.send(request)
            for request, client in clients.items():
                equal(client.response()[0], 408, request)
                equal(client.response(), None, request)
    with Server("1s") as server:
        on_transports(server, run)


@test("nothing at all, or nothing more: an end without a word")
def silence():
    def run(server, number):
        with Client(server, number) as client:
            equal(client.response(), None, "nothing at all")
        # RFC 9112, 2.2: it is no part of a request
        with Client(server, number) as client:
            client.send(b"\r\n")
            equal(client.response(), None, "an empty line")
    with Server("1s") as server:
        on_transports(server, run)


@test("half a request and the end of the stream")
def half():
    def run(server, number):
        for request, status in ((b"GET / HTTP/1.1\r\nHost", None), (post(b"Content-Length: 100\r\n", b"a="), 400),
                                (chunks(b"3\r\na"), 400), (get(), 200), (b"", None)):
            with Client(server, number) as client:
                client.send(request)
                client.socket.shutdown(socket.SHUT_WR)
                answer = client.response()
                equal(answer and answer[0], status, request)
                if answer:
                    equal(client.response(), None, request)
    with Server() as server:
        on_transports(server, run)


@test("100 (Continue) comes before the content, once")
def continue_once():
    def run(server, number):
        with Client(server, number) as client:
            client.send(post(b"Expect: 100-Continue\r\nContent-Length: 3\r\n"))
            equal(client.response()[0], 100)
            client.send(b"a=b")
            equal(client.response()[0], 200)
            client.send(PROBE)
            equal(client.response()[0], 404)
    with Server() as server:
        on_transports(server, run)


@test("the answer to what was refused arrives, though more was sent: lingering close")
def lingering():
    def run(server, number):
        for _ in range(20):
            with Client(server, number) as client:
                client.send(post(b"Content-Length: 1000000000\r\n") + b"a" * 300000)
                answer = client.response()
                equal(answer and answer[0], 413)
    with Server() as server:
        on_transports(server, run)


@test("clients that reset the connection at every point")
def resets():
    def run(server, number):
        request = get() + chunks(b"3\r\na=b\r\n0\r\nX: y\r\n\r\n") + get()
        for cut in range(0, len(request), 5):
            with Client(server, number) as client:
                client.send(request[:cut])
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        check(TABLE[0], server, number)
    with Server() as server:
        on_transports(server, run)
        equal(server.daemon.end(), 0, "exit status")


if __name__ == "__main__":
    main()
