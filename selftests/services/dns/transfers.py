# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of zone transfers share: a zone, a key, and what a server has of a zone."""
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
# pylint: disable=wrong-import-position
import wire
from harness import PATIENCE, program, until
from servers import Peer, ask

try:
    import dns.query
    import dns.rdatatype
    import dns.tsigkeyring
    import dns.update
    import dns.zone
except ImportError:
    sys.exit(print("1..0 # SKIP python3-dnspython is not installed") or 4)

SECRET = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
KEYS = {"transfer.key": ("hmac-sha256", SECRET)}
RING = dns.tsigkeyring.from_text({"transfer.key": SECRET})
LOCAL = Peer("127.0.0.1")
ZONE = """$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
@ MX 10 mail
ns A 192.0.2.53
mail AAAA 2001:db8::25
www A 192.0.2.80
www A 192.0.2.81
*.wild TXT "a \\"quoted\\" string" "and another"
alias CNAME www
sub NS ns.sub
ns.sub A 192.0.2.54
_sip._udp SRV 1 2 5060 www
odd TYPE65280 \\# 4 0a000001
""" + "".join(f"h{i} A 10.0.{i >> 8}.{i & 255}\n" for i in range(1000))


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def serial_of(server, zone):
    """Of the SOA, or None while it is not answered."""
    answer = ask(server.address, server.port, zone, "SOA", timeout=0.5)
    if not answer or answer[3] & 15:
        return None
    response = wire.Response(answer)
    return struct.unpack("!I", response.answer[0][4][-20:-16])[0] if response.answer else None


def arrived(server, zone, serial):
    return until(lambda: serial_of(server, zone) == serial, f"{zone} of serial {serial} to arrive")


def content(server, zone, key=None):
    """All records by AXFR."""
    keys = {"keyring": RING, "keyname": key} if key else {}
    z = dns.zone.from_xfr(dns.query.xfr(server.address, zone, port=server.port, relativize=False, lifetime=PATIENCE,
                                        **keys), relativize=False, check_origin=False)
    return {(n.to_text().lower(), ttl, dns.rdatatype.to_text(r.rdtype), r.to_text())
            for n, ttl, r in z.iterate_rdatas()}


def update(server, zone, *changes, key=None):
    """Each change is a method of dns.update.Update with its arguments."""
    u = dns.update.Update(zone, **({"keyring": RING, "keyname": key} if key else {}))
    for method, *args in changes:
        getattr(u, method)(*args)
    return dns.query.tcp(u, server.address, port=server.port, timeout=PATIENCE).rcode()


def control(server, *words):
    return subprocess.run([program("linnet-dnsd"), "-c", server.conf, "--control", *words], capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
