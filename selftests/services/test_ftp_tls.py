#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-ftpd and TLS (RFC 4217): AUTH, PBSZ, PROT and CCC in their states, what is required, sessions that belong to
their control connection, data that is cut off, commands sent ahead of the handshake."""
import os
import socket
import ssl
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "ftp"))
# pylint: disable=wrong-import-position
from harness import equal, main, test, until
from linnet import Control, Ftpd, USER, tls_context

VERSIONS = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def secured(d, context, user=USER):
    c = d.control()
    c.start_tls(context)
    c.login(user)
    c.ask("PBSZ 0", 200)
    c.ask("PROT P", 200)
    c.ask("TYPE I", 200)
    return c


def wrapped(context, s, session):
    return context.wrap_socket(s, server_hostname="localhost", session=session)


@test("the commands of RFC 4217 in their states")
def states():
    with Ftpd() as d:
        c = d.control()
        c.start_tls(tls_context(d))
        c.ask("AUTH TLS", 503)
        c.ask("PROT P", 503)
        c.ask("PBSZ x", 501)
        equal(c.ask("PBSZ 1024", 200), "200 PBSZ=0", "the size that is used")
        for level, code in (("S", 536), ("E", 536), ("X", 504), ("PP", 504), ("C", 200), ("p", 200)):
            c.ask(f"PROT {level}", code)
        c.login()
        equal("AUTH TLS" in c.ask("FEAT", 211), True, "FEAT tells of TLS")


@test("what must be encrypted is refused in the clear")
def required():
    with Ftpd(tls='control = "required" data = "required"') as d:
        c = d.control()
        c.ask("USER joe", 530)
        c.start_tls(tls_context(d))
        c.login()
        c.ask("PBSZ 0", 200)
        c.ask("PROT C", 534)
        s = c.passive()
        c.ask("NLST", 521)
        s.close()
        c.ask("CCC", 534)
    with Ftpd(tls='data = "off"') as d:
        c = d.control()
        c.start_tls(tls_context(d))
        c.ask("PBSZ 0", 200)
        c.ask("PROT P", 534)
    with Ftpd(tls=None) as d:
        c = d.control()
        c.ask("AUTH TLS", 502)
        equal("AUTH" in c.ask("FEAT", 211), False, "FEAT without TLS")


@test("data is taken only by a session of its own control connection")
def reuse():
    for version in VERSIONS:
        with Ftpd() as d:
            d.put("f", b"content")
            context = tls_context(d, version)
            c, other = secured(d, context), secured(d, context)
            for session, good in ((c.socket.session, True), (None, False), (other.socket.session, False),
                                  (c.socket.session, True)):
                s = c.passive()
                c.ask("RETR f", 150)
                t = wrapped(context, s, session)
                if good:
                    equal(t.session_reused, True, "a resumed session")
                    equal(t.recv(100), b"content", "data")
                    equal(t.recv(100), b"", "its end")
                    c.expect(226)
                else:
                    equal(t.session_reused, False, "a resumed session")
                    c.expect(522)
                t.close()


@test("without session-reuse any session does")
def no_reuse():
    with Ftpd(tls="session-reuse = false") as d:
        d.put("f", b"content")
        context = tls_context(d)
        c = secured(d, context)
        s = c.passive()
        c.ask("RETR f", 150)
        equal(wrapped(context, s, None).recv(100), b"content", "data")
        c.expect(226)


@test("an upload that ends without close_notify is not whole")
def cut_off():
    for version in VERSIONS:
        with Ftpd() as d:
            context = tls_context(d, version)
            c = secured(d, context)
            s = c.passive()
            c.ask("STOR f", 150)
            t = wrapped(context, s, c.socket.session)
            t.sendall(b"half of it")
            until(lambda d=d: d.hidden() and os.path.getsize(os.path.join(d.home, d.hidden()[0])) == 10, "what was sent")
            t.close()
            c.expect(426)
            equal(os.path.exists(os.path.join(d.home, "f")), False, "the file is there")
            equal(c.ask("SIZE f", 213), "213 10", "what is left of it")


@test("data and the end of the stream in one piece")
def at_once():
    for version in VERSIONS:
        with Ftpd() as d:
            context = tls_context(d, version)
            c = secured(d, context)
            s = c.passive()
            c.ask("STOR f", 150)
            t = wrapped(context, s, c.socket.session)
            t.sendall(b"x" * 100)
            t.unwrap()
            t.close()
            c.expect(226)
            equal(d.read("f"), b"x" * 100, "the file")


@test("no handshake on the data connection: 522, and the session goes on")
def no_handshake():
    with Ftpd() as d:
        c = secured(d, tls_context(d))
        s = c.passive()
        c.ask("STOR f", 150)
        s.sendall(b"in the clear\r\n")
        c.expect(522)
        s.close()
        c.ask("NOOP", 200)
        equal(os.listdir(d.home), [], "files")


@test("commands sent in the clear ahead of the handshake are not obeyed")
def injection():
    with Ftpd() as d:
        c = d.control()
        c.send(b"AUTH TLS\r\nUSER evil\r\nNOOP\r\n")
        c.expect(503)
        c.closed()


@test("CCC and REIN go back to the clear, in both versions; protected data goes on after CCC")
def ccc():
    for version in VERSIONS:
        with Ftpd() as d:
            d.put("f", b"content")
            context = tls_context(d, version)
            c = secured(d, context)
            session = c.socket.session
            c.ask("CCC", 200)
            c.socket = c.socket.unwrap()
            c.ask("PWD", 257)
            s = c.passive()
            c.ask("RETR f", 150)
            equal(wrapped(context, s, session).recv(100), b"content", "data")
            c.expect(226)
            c.start_tls(context)
            c.ask("PWD", 530)
            c.login()
            c.ask("REIN", 220)
            c.socket = c.socket.unwrap()
            c.ask("PWD", 530)
            c.login()


@test("TLS from the first octet on")
def implicit():
    with Ftpd(implicit=True) as d:
        d.put("f", b"content")
        context = tls_context(d)
        c = Control("127.0.0.1", d.where())
        c.socket = context.wrap_socket(c.socket, server_hostname="localhost")
        c.expect(220)
        c.login()
        s = c.passive()
        c.ask("RETR f", 150)
        equal(wrapped(context, s, c.socket.session).recv(100), b"content", "data")
        c.expect(226)
        c.ask("CCC", 534)


@test("active data connections with TLS")
def active():
    for version in VERSIONS:
        with Ftpd() as d:
            d.put("f", b"content" * 100000)
            context = tls_context(d, version)
            c = secured(d, context)
            listener = c.listen()
            c.send("RETR f")
            s, _ = listener.accept()
            c.expect(150)
            t = wrapped(context, s, c.socket.session)
            got = b""
            while piece := t.recv(65536):
                got += piece
            equal(got == b"content" * 100000, True, "data")
            c.expect(226)
            listener.close()


if __name__ == "__main__":
    main()
