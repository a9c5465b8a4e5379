#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command of SMTP and its extensions in every state, with the exact reply code and enhanced code.

LINNET_SMTP_OTHER=postfix asks Debian's Postfix the same and tells where it answers otherwise."""
import os
import re
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "mail"))
# pylint: disable=wrong-import-position
from dialogue import Smtp, b64, plain, scram_verifier
from harness import IPPROTO_LINNET, MODULE, PATIENCE, equal, main, program, temporary_folder, test, until
from linnet import Smtpd
import peers

PASSWORD = "ann's word"
LIMIT = 100000

# --- states ---


def tls(s):
    s.start_tls()


EHLO = [("EHLO client.test", "250")]
HELO = [("HELO client.test", "250")]
MAIL = [*EHLO, ("MAIL FROM:<x@sender.test>", "250 2.1.0")]
RCPT = [*MAIL, ("RCPT TO:<ann@a.test>", "250 2.1.5")]
DATA = [*RCPT, ("DATA", "354")]
DONE = [*DATA, ("Subject: x\r\n\r\ntext\r\n.", "250 2.0.0")]
BDAT = [*RCPT, (b"BDAT 6\r\na: b\r\n", "250 2.0.0")]
TLS = [*EHLO, tls]
AUTH = [*TLS, (f"AUTH PLAIN {plain('ann', PASSWORD)}", "235 2.7.0")]

STATES = {"the start": [], "HELO": HELO, "EHLO": EHLO, "MAIL": MAIL, "RCPT": RCPT, "a message": DONE, "a chunk": BDAT,
          "STARTTLS": TLS, "AUTH": AUTH}
# --- a line for each command, and its reply after each of STATES ---
BAD = "503 5.5.1"
MATRIX = [
    ("HELO again.test", ["250"] * 9),
    ("EHLO again.test", ["250"] * 9),
    # RFC 5321, 4.1.4: no mail without a greeting; 3.3: no MAIL within a transaction
    ("MAIL FROM:<y@sender.test>", [BAD, *["250 2.1.0"] * 2, BAD, BAD, "250 2.1.0", BAD, *["250 2.1.0"] * 2]),
    ("RCPT TO:<bob@a.test>", [BAD, BAD, BAD, "250 2.1.5", "250 2.1.5", BAD, BAD, BAD, BAD]),
    # RFC 3030, 2: no DATA after BDAT
    ("DATA", [BAD, BAD, BAD, BAD, "354", BAD, BAD, BAD, BAD]),
    ("BDAT 0", [BAD, BAD, BAD, BAD, "250 2.0.0", BAD, "250 2.0.0", BAD, BAD]),
    ("BDAT 0 LAST", [BAD, BAD, BAD, BAD, "250 2.0.0", BAD, "250 2.0.0", BAD, BAD]),
    ("RSET", ["250 2.0.0"] * 9),
    ("NOOP", ["250 2.0.0"] * 9),
    ("QUIT", ["221 2.0.0"] * 9),
    # RFC 5321, 4.1.4: these need no greeting
    ("VRFY ann@a.test", ["252 2.0.0"] * 9),
    ("EXPN list", ["502 5.5.1"] * 9),
    ("HELP", ["214 2.0.0"] * 9),
    # RFC 3207, 4: an extension, so EHLO comes first
    ("STARTTLS", [BAD, BAD, "220 2.0.0", "220 2.0.0", "220 2.0.0", "220 2.0.0", "220 2.0.0", BAD, BAD]),
    # RFC 4954, 4: not within a transaction, once; not without TLS: 538 5.7.11 of RFC 4954, 6 is what that is for
    (f"AUTH PLAIN {plain('ann', PASSWORD)}", [BAD, BAD, "538 5.7.11", BAD, BAD, "538 5.7.11", BAD, "235 2.7.0", BAD]),
    # RFC 1985, 5: not within a transaction
    ("ETRN a.test", [BAD, BAD, "250 2.0.0", BAD, BAD, "250 2.0.0", BAD, "250 2.0.0", "250 2.0.0"]),
    ("SEND FROM:<x@sender.test>", ["502 5.5.1"] * 9),
    ("TURN", ["502 5.5.1"] * 9),
    ("XYZZY", ["500 5.5.2"] * 9),
]

L64, L65 = "l" * 64, "l" * 65
D63 = "d" * 63
DOMAIN = ".".join([D63] * 3)
ROWS = [(f"{line.partition(' ')[0] if 'LAST' not in line else line} after {state}", [*STATES[state], (line, wanted)])
        for line, row in MATRIX for state, wanted in zip(STATES, row)]


def rows(prefix, *lines):
    """Lines after a state, each of them alone."""
    for line, wanted in lines:
        ROWS.append((repr(line)[:70] if isinstance(line, str) else repr(line)[1:70], [*prefix, (line, wanted)]))


# --- the form of commands (RFC 5321, 2.4, 4.1.1) ---
rows([],
     ("", "500 5.5.2"), (" ", "500 5.5.2"), ("\0", "500 5.5.2"), ("EHL", "500 5.5.2"), ("EHLOO x", "500 5.5.2"),
     ("ehlo client.test", "250"), ("EhLo client.test", "250"), ("EHLO client.test ", "250"), ("EHLO  client.test", "250"),
     ("EHLO", "501 5.5.4"), ("HELO", "501 5.5.4"), ("EHLO a b", "501 5.5.4"), ("HELO a b", "501 5.5.4"),
     ("EHLO [127.0.0.1]", "250"), ("EHLO [IPv6:::1]", "250"), ("EHLO localhost", "250"), ("HELO under_score", "250"),
     ("EHLO " + "x" * 256, "501 5.5.4"), ("EHLO a<b", "501 5.5.4"), ("EHLO a\tb", "501 5.5.4"), ("EHLO a\x01b", "501 5.5.4"),
     ("EHLO b\u00fccher.test", "250"), (b"EHLO \xff\xfe", "501 5.5.4"),
     ("NOOP any words", "250 2.0.0"), ("RSET now", "501 5.5.4"), ("QUIT now", "501 5.5.4"),
     ("HELP MAIL", "214 2.0.0"), ("VRFY", "501 5.5.4"), ("VRFY ann", "252 2.0.0"), ("VRFY nobody@a.test", "252 2.0.0"),
     ("EXPN", "502 5.5.1"), ("quit", "221 2.0.0"))
rows(EHLO, ("DATA now", "501 5.5.4"), ("STARTTLS now", "501 5.5.4"), ("VRFY b\u00fccher SMTPUTF8", "252 2.0.0"),
     ("SOML FROM:<x@sender.test>", "502 5.5.1"), ("SAML FROM:<x@sender.test>", "502 5.5.1"))

# --- MAIL (RFC 5321, 4.1.1.2 and 4.1.2) ---
rows(EHLO,
     ("MAIL FROM:<>", "250 2.1.0"), ("mail from:<x@sender.test>", "250 2.1.0"), ("MAIL FROM: <x@sender.test>", "250 2.1.0"),
     ("MAIL", "501 5.5.4"), ("MAIL FROM", "501 5.5.4"), ("MAIL FROM:", "501 5.1.7"), ("MAIL TO:<x@sender.test>", "501 5.5.4"),
     ("MAIL <x@sender.test>", "501 5.5.4"), ("MAIL FROM:x@sender.test", "501 5.1.7"),
     ("MAIL FROM:<x@sender.test", "501 5.1.7"), ("MAIL FROM:x@sender.test>", "501 5.1.7"),
     ("MAIL FROM:<x>", "501 5.1.7"), ("MAIL FROM:<@sender.test>", "501 5.1.7"), ("MAIL FROM:<x@>", "501 5.1.7"),
     ("MAIL FROM:<x@@sender.test>", "501 5.1.7"), ("MAIL FROM:<x y@sender.test>", "501 5.1.7"),
     ("MAIL FROM:<.x@sender.test>", "501 5.1.7"), ("MAIL FROM:<x.@sender.test>", "501 5.1.7"),
     ("MAIL FROM:<x..y@sender.test>", "501 5.1.7"), ("MAIL FROM:<x@sender..test>", "501 5.1.7"),
     ("MAIL FROM:<x@-sender.test>", "501 5.1.7"), ("MAIL FROM:<x@sender-.test>", "501 5.1.7"),
     ("MAIL FROM:<x@sen_der.test>", "501 5.1.7"), ("MAIL FROM:<x@sender.test>junk", "501 5.5.4"),
     ("MAIL FROM:<Postmaster>", "501 5.1.7"),
     ('MAIL FROM:<"x y"@sender.test>', "250 2.1.0"), ('MAIL FROM:<"x\\"y"@sender.test>', "250 2.1.0"),
     ('MAIL FROM:<""@sender.test>', "250 2.1.0"), ('MAIL FROM:<"x@sender.test>', "501 5.1.7"),
     ("MAIL FROM:<!#$%&'*+-/=?^_`{|}~@sender.test>", "250 2.1.0"),
     ("MAIL FROM:<x@[192.0.2.1]>", "250 2.1.0"), ("MAIL FROM:<x@[IPv6:2001:db8::1]>", "250 2.1.0"),
     ("MAIL FROM:<x@[192.0.2.256]>", "501 5.1.7"), ("MAIL FROM:<x@[IPv6:2001:db8::1::]>", "501 5.1.7"),
     ("MAIL FROM:<x@[192.0.2.1>", "501 5.1.7"),
     # Source routes (RFC 5321, appendix C): to be accepted and ignored
     ("MAIL FROM:<@one.test,@two.test:x@sender.test>", "250 2.1.0"), ("MAIL FROM:<@one.test:>", "501 5.1.7"),
     # 4.5.3.1.1 to 4.5.3.1.3
     (f"MAIL FROM:<{L64}@sender.test>", "250 2.1.0"), (f"MAIL FROM:<{L65}@sender.test>", "501 5.1.7"),
     (f"MAIL FROM:<x@{D63}.test>", "250 2.1.0"), (f"MAIL FROM:<x@d{D63}.test>", "501 5.1.7"),
     (f"MAIL FROM:<{'l' * 62}@{DOMAIN}>", "250 2.1.0"), (f"MAIL FROM:<{L64}@{DOMAIN}>", "501 5.1.7"),
     # SIZE (RFC 1870)
     ("MAIL FROM:<x@sender.test> SIZE=1000", "250 2.1.0"), ("MAIL FROM:<x@sender.test> SIZE=0", "250 2.1.0"),
     (f"MAIL FROM:<x@sender.test> SIZE={LIMIT}", "250 2.1.0"), (f"MAIL FROM:<x@sender.test> SIZE={LIMIT + 1}", "552 5.3.4"),
     ("MAIL FROM:<x@sender.test> SIZE=99999999999999999999", "552 5.3.4"), ("MAIL FROM:<x@sender.test> SIZE=", "501 5.5.4"),
     ("MAIL FROM:<x@sender.test> SIZE", "501 5.5.4"), ("MAIL FROM:<x@sender.test> SIZE=-1", "501 5.5.4"),
     ("MAIL FROM:<x@sender.test> SIZE=12x", "501 5.5.4"), ("MAIL FROM:<x@sender.test> SIZE=1 SIZE=1", "501 5.5.4"),
     ("MAIL FROM:<x@sender.test> SIZE=999999999999999999999", "501 5.5.4"),
     # BODY (RFC 6152)
     ("MAIL FROM:<x@sender.test> BODY=7BIT", "250 2.1.0"), ("MAIL FROM:<x@sender.test> BODY=8BITMIME", "250 2.1.0"),
     ("MAIL FROM:<x@sender.test> body=8bitmime size=1", "250 2.1.0"), ("MAIL FROM:<x@sender.test> BODY=9BIT", "501 5.5.4"),
     ("MAIL FROM:<x@sender.test> BODY=BINARYMIME", "501 5.5.4"), ("MAIL FROM:<x@sender.test> BODY", "501 5.5.4"),
     # SMTPUTF8 (RFC 6531)
     ("MAIL FROM:<b\u00fccher@sender.test> SMTPUTF8", "250 2.1.0"), ("MAIL FROM:<x@b\u00fccher.test> SMTPUTF8", "250 2.1.0"),
     ("MAIL FROM:<x@sender.test> SMTPUTF8", "250 2.1.0"), ("MAIL FROM:<b\u00fccher@sender.test>", "553 5.6.7"),
     ("MAIL FROM:<x@sender.test> SMTPUTF8=yes", "501 5.5.4"), (b"MAIL FROM:<b\xfc@sender.test> SMTPUTF8", "553 5.6.7"),
     (b"MAIL FROM:<\xc0\xaf@sender.test> SMTPUTF8", "553 5.6.7"), (b"MAIL FROM:<\xed\xa0\x80@sender.test> SMTPUTF8", "553 5.6.7"),
     # DSN (RFC 3461)
     ("MAIL FROM:<x@sender.test> RET=FULL ENVID=abc", "250 2.1.0"), ("MAIL FROM:<x@sender.test> RET=hdrs", "250 2.1.0"),
     ("MAIL FROM:<x@sender.test> RET=SOME", "501 5.5.4"), ("MAIL FROM:<x@sender.test> RET", "501 5.5.4"),
     ("MAIL FROM:<x@sender.test> RET=FULL RET=FULL", "501 5.5.4"), ("MAIL FROM:<x@sender.test> ENVID=a+2Bb+3D", "250 2.1.0"),
     ("MAIL FROM:<x@sender.test> ENVID=a+2bb", "501 5.5.4"), ("MAIL FROM:<x@sender.test> ENVID=a+", "501 5.5.4"),
     ("MAIL FROM:<x@sender.test> ENVID=a+0A", "501 5.5.4"), ("MAIL FROM:<x@sender.test> ENVID=", "501 5.5.4"),
     ("MAIL FROM:<x@sender.test> ENVID=" + "e" * 100, "250 2.1.0"),
     ("MAIL FROM:<x@sender.test> ENVID=" + "e" * 101, "501 5.5.4"),
     # AUTH= (RFC 4954, 5)
     ("MAIL FROM:<x@sender.test> AUTH=<>", "250 2.1.0"), ("MAIL FROM:<x@sender.test> AUTH=e+3Dmc2@example.test", "250 2.1.0"),
     ("MAIL FROM:<x@sender.test> AUTH=", "501 5.5.4"),
     # RFC 5321, 4.1.1.11
     ("MAIL FROM:<x@sender.test> UNKNOWN=1", "555 5.5.4"), ("MAIL FROM:<x@sender.test> UNKNOWN", "555 5.5.4"),
     ("MAIL FROM:<x@sender.test> NOTIFY=NEVER", "555 5.5.4"), ("MAIL FROM:<x@sender.test> =1", "501 5.5.4"),
     ("MAIL FROM:<x@sender.test> S!ZE=1", "501 5.5.4"))
rows(HELO, ("MAIL FROM:<x@sender.test> SIZE=1", "555 5.5.4"), ("MAIL FROM:<x@sender.test> BODY=8BITMIME", "555 5.5.4"))

# --- RCPT (RFC 5321, 4.1.1.3) ---
rows(MAIL,
     ("RCPT TO:<ANN@A.TEST>", "250 2.1.5"), ("rcpt to:<ann@a.test>", "250 2.1.5"), ("RCPT TO: <ann@a.test>", "250 2.1.5"),
     ('RCPT TO:<"ann"@a.test>', "250 2.1.5"), ("RCPT TO:<@relay.test:ann@a.test>", "250 2.1.5"),
     ("RCPT TO:<ann+folder@a.test>", "250 2.1.5"), ("RCPT TO:<list@a.test>", "250 2.1.5"),
     # 4.5.1: postmaster, without regard to case, with and without a domain
     ("RCPT TO:<postmaster@a.test>", "250 2.1.5"), ("RCPT TO:<Postmaster>", "250 2.1.5"), ("RCPT TO:<POSTMASTER>", "250 2.1.5"),
     ("RCPT TO:<nobody@a.test>", "550 5.1.1"), ("RCPT TO:<\"no body\"@a.test>", "550 5.1.1"),
     ("RCPT TO:<../ann@a.test>", "501 5.1.3"), ("RCPT TO:</ann@a.test>", "550 5.1.1"), ('RCPT TO:<"../ann"@a.test>', "550 5.1.1"), ('RCPT TO:<"ann/.."@a.test>', "550 5.1.1"),
     # 3.6.2: relaying is declined with 550
     ("RCPT TO:<ann@elsewhere.test>", "550 5.7.1"), ("RCPT TO:<ann@[192.0.2.1]>", "550 5.7.1"),
     ("RCPT TO:<ann@a.test.elsewhere.test>", "550 5.7.1"), ("RCPT TO:<ann@sub.a.test>", "550 5.7.1"),
     ('RCPT TO:<"ann@elsewhere.test"@a.test>', "550 5.1.1"), ("RCPT TO:<ann%elsewhere.test@a.test>", "550 5.1.1"),
     ("RCPT TO:<elsewhere.test!ann@a.test>", "550 5.1.1"), ("RCPT TO:<@a.test:ann@elsewhere.test>", "550 5.7.1"),
     ("RCPT", "501 5.5.4"), ("RCPT TO:", "501 5.1.3"), ("RCPT TO:<>", "501 5.1.3"), ("RCPT FROM:<ann@a.test>", "501 5.5.4"),
     ("RCPT TO:ann@a.test", "501 5.1.3"), ("RCPT TO:<ann>", "501 5.1.3"), ("RCPT TO:<ann@a.test", "501 5.1.3"),
     ("RCPT TO:<ann@a.test>,<bob@a.test>", "501 5.5.4"), ("RCPT TO:<b\u00fccher@a.test>", "553 5.6.7"),
     (f"RCPT TO:<{L65}@a.test>", "501 5.1.3"), (b"RCPT TO:<ann\0@a.test>", "500 5.5.2"),
     # DSN (RFC 3461, 4)
     ("RCPT TO:<ann@a.test> NOTIFY=NEVER", "250 2.1.5"), ("RCPT TO:<ann@a.test> NOTIFY=SUCCESS,FAILURE,DELAY", "250 2.1.5"),
     ("RCPT TO:<ann@a.test> NOTIFY=never", "250 2.1.5"), ("RCPT TO:<ann@a.test> NOTIFY=NEVER,SUCCESS", "501 5.5.4"),
     ("RCPT TO:<ann@a.test> NOTIFY=", "501 5.5.4"), ("RCPT TO:<ann@a.test> NOTIFY=SOMETIMES", "501 5.5.4"),
     ("RCPT TO:<ann@a.test> NOTIFY=SUCCESS,SUCCESS", "501 5.5.4"), ("RCPT TO:<ann@a.test> NOTIFY=SUCCESS,", "501 5.5.4"),
     ("RCPT TO:<ann@a.test> NOTIFY=DELAY NOTIFY=DELAY", "501 5.5.4"),
     ("RCPT TO:<ann@a.test> ORCPT=rfc822;x+40y", "250 2.1.5"), ("RCPT TO:<ann@a.test> ORCPT=x@y", "501 5.5.4"),
     ("RCPT TO:<ann@a.test> ORCPT=rfc822;", "501 5.5.4"), ("RCPT TO:<ann@a.test> ORCPT=;x", "501 5.5.4"),
     ("RCPT TO:<ann@a.test> ORCPT=rfc822;x+4", "501 5.5.4"), ("RCPT TO:<ann@a.test> ORCPT=rfc822;" + "o" * 501, "501 5.5.4"),
     ("RCPT TO:<ann@a.test> SIZE=1", "555 5.5.4"), ("RCPT TO:<ann@a.test> UNKNOWN=1", "555 5.5.4"))
# Of two recipients one may be wrong; with none that is good there is nothing to send (4.1.1.4: 503 or 554)
rows([*MAIL, ("RCPT TO:<nobody@a.test>", "550 5.1.1")], ("DATA", "554 5.5.1"), ("BDAT 0 LAST", "554 5.5.1"), ("RCPT TO:<ann@a.test>", "250 2.1.5"))
rows([*RCPT, ("RCPT TO:<nobody@a.test>", "550 5.1.1")], ("DATA", "354"))
rows([*RCPT, ("RCPT TO:<ann@a.test>", "250 2.1.5")], ("DATA", "354"))
# Error and RSET leave the transaction as it was, or end it (4.1.1.5)
rows([*RCPT, ("MAIL FROM:<y@sender.test>", BAD)], ("DATA", "354"))
rows([*RCPT, ("XYZZY", "500 5.5.2"), ("NOOP", "250 2.0.0"), ("VRFY x", "252 2.0.0")], ("DATA", "354"))
rows([*RCPT, ("RSET", "250 2.0.0")], ("DATA", BAD), ("RCPT TO:<ann@a.test>", BAD), ("MAIL FROM:<>", "250 2.1.0"))
rows([*RCPT, ("EHLO again.test", "250")], ("DATA", BAD), ("MAIL FROM:<>", "250 2.1.0"))
rows([*RCPT, ("EHLO", "501 5.5.4")], ("DATA", "354"))
rows([*MAIL, ("RCPT TO:<ann@a.test> NOTIFY=X", "501 5.5.4")], ("DATA", BAD))
rows([*RCPT, tls], ("DATA", BAD), ("MAIL FROM:<>", "250 2.1.0"), ("STARTTLS", BAD))

# --- DATA: what a message may be ---
rows(DATA, (".", "250 2.0.0"), ("\r\n.", "250 2.0.0"), ("..\r\n.", "250 2.0.0"), ("no header\r\n.", "250 2.0.0"),
     ("Subject: b\u00fccher\r\n\r\nb\u00fccher\r\n.", "250 2.0.0"), (b"Subject: x\r\n\r\n\xff\xfe\r\n.", "250 2.0.0"),
     ("Subject: x\r\n\r\n" + "x" * 998 + "\r\n.", "250 2.0.0"), ("x" * LIMIT + "\r\n.", "552 5.3.4"),
     ("Received: a\r\n" * 24 + "\r\n.", "250 2.0.0"), ("Received: a\r\n" * 51 + "\r\n.", "554 5.4.6"),
     ("Subject: x\r\n\r\n" + "Received: a\r\n" * 60 + ".", "250 2.0.0"))
rows([*DATA, ("x" * LIMIT + "\r\n.", "552 5.3.4")], ("MAIL FROM:<y@sender.test>", "250 2.1.0"), ("DATA", BAD))
rows([*DATA, ("Received: a\r\n" * 51 + "\r\n.", "554 5.4.6")], ("MAIL FROM:<y@sender.test>", "250 2.1.0"))
rows([*DONE], ("RCPT TO:<ann@a.test>", BAD), ("QUIT", "221 2.0.0"))

# --- BDAT (RFC 3030) ---
rows(RCPT, (b"BDAT 10 LAST\r\nSubject: x", "250 2.0.0"), (b"bdat 3 last\r\n.\r\n", "250 2.0.0"), (b"BDAT 3\r\n.\r\n", "250 2.0.0"),
     ("BDAT", "501 5.5.4"), ("BDAT x", "501 5.5.4"), ("BDAT -1", "501 5.5.4"), ("BDAT 1x", "501 5.5.4"),
     ("BDAT 0 FIRST", "501 5.5.4"), ("BDAT 0 LAST NOW", "501 5.5.4"), ("BDAT LAST", "501 5.5.4"))
rows(BDAT, ("MAIL FROM:<>", BAD), (b"BDAT 5 LAST\r\n\r\n.\r\n", "250 2.0.0"), ("RSET", "250 2.0.0"),
     (b"BDAT %d\r\n%s" % (LIMIT, b"x" * LIMIT), "552 5.3.4"))
rows([*BDAT, ("RSET", "250 2.0.0")], ("BDAT 0 LAST", BAD), ("MAIL FROM:<>", "250 2.1.0"))
rows([*BDAT, ("BDAT 0 LAST", "250 2.0.0")], ("BDAT 0 LAST", BAD), ("MAIL FROM:<>", "250 2.1.0"))
# A chunk is taken to its end even when there is nothing it could belong to
rows(EHLO, (b"BDAT 4\r\nQUIT", BAD))
rows([*EHLO, (b"BDAT 6\r\nQUIT\r\n", BAD)], ("NOOP", "250 2.0.0"))
rows([*BDAT, (b"BDAT %d\r\n%s" % (LIMIT, b"x" * LIMIT), "552 5.3.4")], ("MAIL FROM:<>", "250 2.1.0"))

# --- AUTH (RFC 4954) ---
GOOD = plain("ann", PASSWORD)
rows(TLS,
     ("AUTH", "501 5.5.4"), ("AUTH UNKNOWN", "504 5.5.4"), ("AUTH plain", "334"), ("AUTH LOGIN", "334"), ("AUTH EXTERNAL", "504 5.5.4"),
     ("AUTH SCRAM-SHA-256", "334"), (f"AUTH PLAIN {GOOD} more", "501 5.5.4"), ("AUTH PLAIN =", "535 5.7.8"),
     ("AUTH PLAIN !!!", "501 5.5.2"), ("AUTH PLAIN YQ", "501 5.5.2"), (f"AUTH PLAIN {b64('ann')}", "535 5.7.8"),
     (f"AUTH PLAIN {plain('ann', 'wrong')}", "535 5.7.8"), (f"AUTH PLAIN {plain('nobody', 'wrong')}", "535 5.7.8"),
     (f"AUTH PLAIN {plain('', '')}", "535 5.7.8"), (f"AUTH PLAIN {plain('ann', PASSWORD, 'ann')}", "235 2.7.0"),
     # RFC 4616: to act for somebody else is allowed to nobody here
     (f"AUTH PLAIN {plain('ann', PASSWORD, 'bob')}", "535 5.7.8"), (f"AUTH PLAIN {plain('scram', 'its word')}", "235 2.7.0"),
     ("AUTH SCRAM-SHA-256 " + b64("n,,n=ann"), "535 5.7.8"), ("AUTH SCRAM-SHA-256 " + b64("rubbish"), "535 5.7.8"))
rows([*TLS, ("AUTH PLAIN", "334")], (GOOD, "235 2.7.0"), ("*", "501 5.7.0"), ("!!!", "501 5.5.2"), ("", "535 5.7.8"),
     (plain("ann", "wrong"), "535 5.7.8"), ("NOOP", "535 5.7.8"), ("A" * 12289, "500 5.5.6"))
rows([*TLS, ("AUTH LOGIN", "334")], ("*", "501 5.7.0"), (b64("ann"), "334"))
rows([*TLS, ("AUTH LOGIN", "334"), (b64("ann"), "334")], (b64(PASSWORD), "235 2.7.0"), (b64("wrong"), "535 5.7.8"), ("*", "501 5.7.0"))
rows([*TLS, ("AUTH PLAIN", "334"), ("*", "501 5.7.0")], (f"AUTH PLAIN {GOOD}", "235 2.7.0"))
rows([*TLS, (f"AUTH PLAIN {plain('ann', 'wrong')}", "535 5.7.8")], (f"AUTH PLAIN {GOOD}", "235 2.7.0"),
     ("MAIL FROM:<x@sender.test>", "250 2.1.0"))
# RFC 4954, 4: EHLO does not end it; who has said it may send everywhere
rows([*AUTH, ("EHLO again.test", "250"), ("MAIL FROM:<ann@a.test>", "250 2.1.0")], ("RCPT TO:<ann@elsewhere.test>", "250 2.1.5"))
rows([*AUTH, ("MAIL FROM:<ann@a.test> AUTH=ann@a.test", "250 2.1.0")], ("RCPT TO:<ann@elsewhere.test>", "250 2.1.5"),
     ("RCPT TO:<nobody@a.test>", "550 5.1.1"))
rows([*AUTH, ("MAIL FROM:<b\u00fc@a.test> SMTPUTF8", "250 2.1.0")], ("RCPT TO:<b\u00fc@elsewhere.test>", "250 2.1.5"))

# --- ETRN (RFC 1985) ---
rows(EHLO, ("ETRN", "501 5.5.4"), ("ETRN two words", "501 5.5.4"), ("ETRN elsewhere.test", "459 4.7.0"), ("ETRN -", "501 5.5.4"))

SUBMISSION = [
    # RFC 6409, 4.3 and RFC 4954, 6
    ("MAIL without AUTH", [*EHLO, ("MAIL FROM:<ann@a.test>", "530 5.7.0")]),
    ("MAIL without AUTH over TLS", [*TLS, ("MAIL FROM:<ann@a.test>", "530 5.7.0")]),
    ("RCPT without AUTH", [*TLS, ("RCPT TO:<ann@a.test>", "530 5.7.0")]),
    ("NOOP, RSET, VRFY, QUIT without AUTH", [*EHLO, ("NOOP", "250 2.0.0"), ("RSET", "250 2.0.0"), ("VRFY ann", "530 5.7.0"),
                                            ("QUIT", "221 2.0.0")]),
    ("ETRN without AUTH", [*EHLO, ("ETRN a.test", "530 5.7.0")]),
    ("AUTH without TLS", [*EHLO, (f"AUTH PLAIN {GOOD}", "538 5.7.11")]),
    ("MAIL after AUTH", [*AUTH, ("MAIL FROM:<ann@a.test>", "250 2.1.0"), ("RCPT TO:<x@elsewhere.test>", "250 2.1.5")]),
    ("a message after AUTH", [*AUTH, ("MAIL FROM:<ann@a.test>", "250 2.1.0"), ("RCPT TO:<ann@a.test>", "250 2.1.5"),
                              ("DATA", "354"), ("Subject: x\r\n\r\n.", "250 2.0.0")]),
]
SMTPS = [
    ("STARTTLS where TLS is", [*EHLO, ("STARTTLS", BAD)]),
    ("AUTH", [*EHLO, (f"AUTH PLAIN {GOOD}", "235 2.7.0"), ("MAIL FROM:<ann@a.test>", "250 2.1.0")]),
    ("MAIL without AUTH", [*EHLO, ("MAIL FROM:<ann@a.test>", "530 5.7.0")]),
]


def play(s, steps):
    """Steps on a connection: lines with their replies, and functions of it."""
    for step in steps:
        if callable(step):
            step(s)
            continue
        line, wanted = step
        if isinstance(line, bytes) and line.upper().startswith(b"BDAT"):
            s.send(line)        # its chunk ends it
            got = s.reply()
        else:
            got = s(line)
        if str(got) != wanted:
            raise AssertionError(f"{line[:80]!r}: {got!r}, expected {wanted}")


class Server(Smtpd):
    def __init__(self, **kw):
        self.temporary = temporary_folder()
        super().__init__(self.temporary.name, lines=f"scram:{scram_verifier('its word')}\n",
                         aliases={"list": "ann, bob", "postmaster": "ann"},
                         limits={"message-size": LIMIT, "received": 50}, more='etrn-domains = {"a.test"}', **kw)

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.temporary.cleanup()


def run_rows(d, table, service, **kw):
    bad = []
    for name, steps in table:
        try:
            with d.session(service, **kw) as s:
                play(s, steps)
        except Exception as e:  # pylint: disable=broad-except
            bad.append(f"{name}: {type(e).__name__} {e}")
    equal(bad, [], f"{len(bad)} of {len(table)} rows")


def protocol():
    return IPPROTO_LINNET if MODULE else socket.IPPROTO_TCP


@test(f"{len(ROWS)} rows of commands and states: exact codes")
def _():
    with Server() as d:
        run_rows(d, ROWS, "smtp", protocol=protocol())


@test(f"{len(SUBMISSION)} rows at the submission port, {len(SMTPS)} where TLS comes first")
def _():
    with Server() as d:
        run_rows(d, SUBMISSION, "submission", protocol=protocol())
        run_rows(d, SMTPS, "smtps", protocol=protocol())


@test("the greeting and what EHLO offers, before and after STARTTLS and AUTH")
def _():
    with Server() as d, d.session() as s:
        equal(s.greeting.code, 220, s.greeting)
        equal(s.greeting.lines[0].split()[0], "a.test", "the greeting's name")
        # RFC 5321, 4.2: no reply but the greeting's and EHLO's may lack what ENHANCEDSTATUSCODES promises
        offered = s.hello()
        equal(set(offered) >= {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "STARTTLS", "DSN", "ENHANCEDSTATUSCODES",
                               "CHUNKING", "ETRN", "HELP"}, True, offered)
        equal(offered["SIZE"], str(LIMIT), "SIZE")
        equal({"PLAIN", "LOGIN"} & set(offered.get("AUTH", "").split()), set(), "passwords in the clear")
        offered = s.start_tls()
        equal("STARTTLS" in offered, False, "STARTTLS over TLS")
        equal({"PLAIN", "LOGIN", "SCRAM-SHA-256"} <= set(offered["AUTH"].split()), True, offered["AUTH"])
        equal(str(s.plain("ann", PASSWORD)), "235 2.7.0", "AUTH")
        equal("STARTTLS" in s.hello(), False, "after AUTH")
        r = s("HELO client.test")
        equal(len(r.lines), 1, "HELO's answer has one line")


@test("no TLS without a certificate: STARTTLS is not offered, and 502")
def _():
    with temporary_folder() as folder, Smtpd(folder, tls=False) as d, d.session() as s:
        equal("STARTTLS" in s.hello(), False, "offered")
        s.expect("STARTTLS", "502 5.5.1")
        s.expect("MAIL FROM:<x@sender.test>", "250 2.1.0")


@test("AUTH by PLAIN, LOGIN and SCRAM-SHA-256; SCRAM's forgeries")
def _():
    with Server() as d:
        for method, user, word in (("plain", "ann", PASSWORD), ("login", "ann", PASSWORD), ("scram", "scram", "its word"),
                                   ("plain", "scram", "its word"), ("login", "scram", "its word")):
            with d.session("smtps") as s:
                s.hello()
                equal(str(getattr(s, method)(user, word)), "235 2.7.0", method)
        for method, user, word in (("plain", "ann", "x"), ("login", "ann", "x"), ("scram", "scram", "x"), ("scram", "nobody", "x"),
                                   ("login", "nobody", "x"), ("plain", "ann", ""), ("login", "ann", "")):
            with d.session("smtps") as s:
                s.hello()
                equal(str(getattr(s, method)(user, word)), "535 5.7.8", f"{method} {user} {word!r}")
        for tamper in (lambda text: text.replace("r=", "r=x"), lambda text: text.replace("c=biws", "c=eSws"),
                       lambda text: text.partition(",p=")[0], lambda text: text + ",x=y", lambda text: ""):
            with d.session("smtps") as s:
                s.hello()
                equal(str(s.scram("scram", "its word", tamper)), "535 5.7.8", "a forged proof")


@test("pipelining (RFC 2920): a whole session in one piece, and octet by octet")
def _():
    with Server() as d:
        text = (b"EHLO client.test\r\nMAIL FROM:<x@sender.test>\r\nRCPT TO:<ann@a.test>\r\nRCPT TO:<nobody@a.test>\r\n"
                b"RCPT TO:<bob@a.test>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<ann@a.test>\r\n"
                b"BDAT 5\r\na: b\rBDAT 3 LAST\r\n\n\r\nNOOP\r\nQUIT\r\n")
        wanted = ["250", "250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354", "250 2.0.0", "250 2.0.0", "250 2.1.0",
                  "250 2.1.5", "250 2.0.0", "250 2.0.0", "250 2.0.0", "221 2.0.0"]
        for pieces in ([text], [text[i:i + 1] for i in range(len(text))]):
            with d.session() as s:
                s.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for piece in pieces:
                    s.send(piece)
                equal([str(r) for r in s.drain()], wanted, f"{len(pieces)} pieces")
        found = d.wait_for("ann", 4)
        equal(len(d.wait_for("bob", 2)), 2, "bob's")
        equal(sorted({m.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1] for m in found.values()}), [b"", b".dot\n"], "bodies")


@test("what is delivered: trace fields, aliases, folders, dots, 8 bits; everything else as it came")
def _():
    body = b"Subject: =?utf-8?q?x?=\r\nX-Long: a\r\n b\r\n\r\n.dot\r\n..dots\r\n\xff\xfe\x00 8 bits\r\n \t\r\nlast\r\n"
    with Server() as d:
        with d.session("smtps") as s:
            s.hello("[127.0.0.9]")
            s.plain("ann", PASSWORD)
            equal(str(s.message("x@sender.test", ["list@a.test", "ann@a.test"], body.replace(b"\x00", b"0"))), "250 2.0.0", "")
        for user in ("ann", "bob"):
            (message,) = d.wait_for(user, 1).values()
            text = message.replace(b"\r\n", b"\n")
            equal(text.endswith(body.replace(b"\x00", b"0").replace(b"\r\n", b"\n")), True, text)
            equal(text.split(b"\n")[0], b"Return-Path: <x@sender.test>", "RFC 5321, 4.4: first")
            (received,) = peers.header(text, "Received")
            # RFC 5321, 4.4 and RFC 3848
            equal(bool(re.match(r"from \[127\.0\.0\.9\] \(.*\[127\.0\.0\.\d+\]\)? ?.*by a\.test .*with ESMTPSA.*; \w{3}, ", received)), True, received)
        with d.session() as s:
            s.expect("HELO old.test", "250")
            equal(str(s.message("", "bob@a.test", "Subject: null\n\nnull\n")), "250 2.0.0", "")
        message = [m for m in d.wait_for("bob", 2).values() if b"null" in m][0]
        equal(peers.header(message, "Return-Path"), ["<>"], "the null sender")
        equal("with SMTP" in peers.header(message, "Received")[0], True, "with SMTP after HELO")


@test("a list of recipients of which every kind is there: each gets its own answer, and one copy each")
def _():
    with Server() as d, d.session() as s:
        s.hello()
        s.expect("MAIL FROM:<x@sender.test>", "250 2.1.0")
        for r, wanted in (("ann@a.test", "250 2.1.5"), ("Ann@A.Test", "250 2.1.5"), ("nobody@a.test", "550 5.1.1"),
                          ("list@a.test", "250 2.1.5"), ("x@elsewhere.test", "550 5.7.1"), ("bob@a.test", "250 2.1.5")):
            s.expect(f"RCPT TO:<{r}>", wanted)
        s.expect("DATA", "354")
        s.expect("Subject: x\r\n\r\ntext\r\n.", "250 2.0.0")
        # That a Maildir gets one, not how many ways there were to it, is what Postfix does too
        d.wait_for("ann", 1)
        d.wait_for("bob", 1)


@test("QUIT and connections that just end: nothing half is delivered, the server closes")
def _():
    with Server() as d:
        for unfinished in (b"", b"EHLO x\r\n", b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ann@a.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r",
                           b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ann@a.test>\r\nBDAT 100 LAST\r\nSubject: x\r\n\r\n.\r\n"):
            with d.session() as s:
                s.send(unfinished)
                s.socket.shutdown(socket.SHUT_WR)
                s.drain()
        with d.session() as s:
            s.expect("QUIT", "221 2.0.0")
            s.closed()
        until(lambda: not d.leftovers(), "what was begun to be removed")
        equal(d.maildir("ann"), {}, "delivered")
        equal(d.queue(), [], "queued")


@test("configuration: what is wrong is told with its line; --check")
def _():
    with Server() as d:
        with open(d.conf, encoding="utf-8") as f:
            text = f.read()
        for change, words in ((("workers = 2", "workers = 0"), "workers"), (("workers = 2", "wrokers = 2"), "wrokers"),
                              (('hostname = "a.test"', 'hostname = "a_test"'), "a_test"),
                              (("received = 50", "received = 1"), "received"),
                              (('domains = {"a.test"}', 'domains = {"a b"}'), "a b"),
                              (("users = ", "users = \"/nowhere\"\n#"), "/nowhere"),
                              (("mail-root = ", "mail-root = \"/nowhere\"\n#"), "/nowhere")):
            path = os.path.join(d.folder, "wrong.conf")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text.replace(*change))
            done = subprocess.run([program("linnet-smtpd"), "--check", "-c", path], capture_output=True, text=True,
                                  check=False, timeout=PATIENCE)
            equal(done.returncode != 0 and words in done.stderr and "wrong.conf:" in done.stderr, True, done)
        d.tool("linnet-smtpd", "--check", "-c", d.conf)


def other():
    """The same rows asked of Postfix: what it answers otherwise."""
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        with peers.Postfix(folder, local={"a.test": ["ann", "bob", "list", "postmaster"]}, hostname="a.test",
                           more=f"message_size_limit = {LIMIT}\nmynetworks = 192.0.2.0/24\nsmtpd_hard_error_limit = 1000\n"
                                "smtpd_soft_error_limit = 1000\nsmtputf8_enable = yes\nrecipient_delimiter = +") as p:
            for name, steps in ROWS:
                if tls in steps:
                    continue
                try:
                    with Smtp(p.port) as s:
                        play(s, steps)
                except Exception as e:  # pylint: disable=broad-except
                    print(f"# {name}: {type(e).__name__} {e}")


if __name__ == "__main__":
    if os.environ.get("LINNET_SMTP_OTHER") == "postfix":
        other()
    else:
        main()
