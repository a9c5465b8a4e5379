# SPDX-License-Identifier: GPL-2.0-or-later
"""
How NSD, Knot and linnet-dnsd are known to differ, and by what both may.

Each entry names fields, for which answers, why, and the section that lets both be right (or
says that one is not). compare.py fails on what is not here, and on what is here in vain.
"""
import wire
from compare import Known, folded

SECTIONS = "answer, authority, additional"


def badvers(q, a, b, field):
    return a and b and a.rcode == b.rcode == wire.BADVERS


def truncated(q, a, b, field):
    return a and b and a.flag(wire.TC) and b.flag(wire.TC)


def refused_class(q, a, b, field):
    return q.qclass not in (wire.IN, wire.ANY_CLASS)


def chain_of(response):
    return [rtype for _, rtype, *_ in response.answer if rtype in (wire.CNAME, wire.DNAME)]


def followed(q, a, b, field):
    """a followed an alias further than b, into another zone: b's answer is the beginning of a's."""
    return a and b and chain_of(b) and not folded(b.answer) - folded(a.answer) and not labelled(q, "loop", "chain")


def labelled(q, *words):
    return any(word.encode() in q.name.lower() for word in words)


def limit(q):
    """Octets of a datagram that answers."""
    return min(max(q.edns["size"] if q.edns else 512, 512), 1232)


def full(q, a, b, field):
    """No room for a further rrset with its signature."""
    return a and b and not q.tcp and max(a.size, b.size) > limit(q) - 200


def has_optional(q, a, b, field):
    """What only spares further queries: addresses of mail hosts and services."""
    return a and b and not folded(a.additional) - folded(b.additional) and any(
        rtype in (wire.MX, wire.SRV, wire.SVCB, wire.HTTPS, 18, 36) for _, rtype, *_ in a.answer)


def referral(response):
    return response and not response.answer and any(r[1] == wire.NS for r in response.authority)


BADVERS = Known("AA, RA, Z, CD, AD, EDNS DO", badvers,
                "NSD repeats header flags and DO of a query whose EDNS version it does not know", "RFC 6891, 6.1.3")
TRUNCATED = Known(SECTIONS, truncated,
                  "what a truncated answer still has is not used by anybody", "RFC 2181, 9")
CLASS = Known("question, case, EDNS options", refused_class,
              "NSD refuses other classes without the question and with an extended error", "RFC 8914, 2")
OPCODE = Known("question, case, EDNS, EDNS options", lambda q, a, b, f: q.opcode,
               "NSD answers NOTIMP without OPT", "RFC 6891, 6.1.1 (a responder that knows EDNS must)")
CLASS_ANY = Known("AA", lambda q, a, b, f: q.qclass == wire.ANY_CLASS,
                  "an answer to class ANY covers one class and so is not authoritative, but in Knot", "RFC 1035, 6.2")
ANY = Known(SECTIONS, lambda q, a, b, f: q.qtype == wire.ANY,
            "of the rrsets that are there each answers ANY with another", "RFC 8482, 4.1")
TYPE0 = Known("rcode, AA, RA, answer, authority, order", lambda q, a, b, f: q.qtype == 0,
              "Knot does not implement type 0, which is reserved", "RFC 6895, 3.1")
OPTIONAL = Known("additional", has_optional,
                 "NSD spares addresses that a client can ask for, as minimal-responses has it", "RFC 2181, 9")
GLUE = Known("TC, additional", lambda q, a, b, f: referral(a) and referral(b),
             "NSD sends part of the glue without TC, others set TC", "RFC 9471, 3.1 (TC is right)")
FOLLOW = Known(SECTIONS + ", order, rcode, AA, TC", followed,
               "NSD follows an alias into other zones that it has, others stay in the zone", "RFC 1034, 4.3.2; RFC 2181, 5.4.1")

LOOP = Known("answer, order", lambda q, a, b, f: labelled(q, "dnameloop"),
             "Knot goes round a loop of DNAME more than once", "RFC 1034, 3.6.2 (loops must end)")
CHAIN = Known("answer, authority, order", lambda q, a, b, f: q.name.lower()[1:6] == b"chain",
              "Knot ends a chain of aliases earlier, and the client asks on", "RFC 1034, 3.6.2")
SIGNATURE_OF_ALIAS = Known(
    "answer, authority, order", lambda q, a, b, f: q.qtype in (wire.RRSIG, wire.NSEC) and a and chain_of(a) and not chain_of(b),
    "NSD answers a query for RRSIG or NSEC with the CNAME, beside which they may stand", "RFC 4035, 2.5")
LITERAL_WILDCARD = Known(
    "authority", lambda q, a, b, f: q.name[:2] == b"\1*" and a.rcode == wire.NOERROR and not a.answer,
    "NSD proves needlessly that nothing is closer than a wildcard that was asked for by its name", "RFC 5155, 7.2.3")
ROOM = Known("additional", full, "which addresses fit that only spare a query", "RFC 2181, 9")

NSD_KNOT = [
    BADVERS, TRUNCATED, CLASS, OPCODE, CLASS_ANY, ANY, TYPE0, OPTIONAL, GLUE, SIGNATURE_OF_ALIAS, FOLLOW, LOOP, CHAIN,
    LITERAL_WILDCARD, ROOM,
]

# --- linnet-dnsd, which is b ---


def code_in(code, r):
    return bool(r and r.edns and any(c == code for c, _ in r.edns["options"]))


def but(r, *codes):
    """The options of a response but for some."""
    return sorted((c, data) for c, data in r.edns["options"] if c not in codes)


SUBNET = Known("EDNS options", lambda q, a, b, f: code_in(wire.CLIENT_SUBNET, b) and but(b, wire.CLIENT_SUBNET) == but(a),
               "linnet-dnsd knows client subnets, and says that this answer does not depend on them", "RFC 7871, 7.2.1")
ERROR_TEXT = Known("EDNS options", lambda q, a, b, f: code_in(15, b) and but(b, 15, wire.CLIENT_SUBNET) == but(a, 15),
                   "linnet-dnsd says more about why it refuses", "RFC 8914, 2")
KX = Known("additional", lambda q, a, b, f: q.qtype in (18, 36),
           "addresses of hosts in AFSDB and KX", "RFC 1183, 1; RFC 2230, 3")
SVCB_TARGET = Known("additional", lambda q, a, b, f: q.qtype in (wire.SVCB, wire.HTTPS),
                    "linnet-dnsd adds the addresses of the owner itself, which is what the target \".\" means",
                    "RFC 9460, 2.5, 4.1")
WILD_TARGET = Known("additional", lambda q, a, b, f: labelled(q, "wildns"),
                    "linnet-dnsd adds no addresses that come from wildcards", "RFC 1034, 4.3.2")
UNSIGNED_DS = Known("authority", lambda q, a, b, f: referral(b) and labelled(q, "features"),
                    "linnet-dnsd has the DS of a cut also where the zone is not signed", "RFC 4035, 3.1.4")
LONG_CHAIN = Known("answer, authority, order", lambda q, a, b, f: q.name.lower()[1:6] == b"chain" and len(chain_of(b)) == 16,
                   "linnet-dnsd ends a chain after 16 aliases, and the client asks on", "RFC 1034, 3.6.2")

NSD_LINNET = [
    BADVERS, TRUNCATED, CLASS, SUBNET, OPCODE, ANY, OPTIONAL,
    SIGNATURE_OF_ALIAS, LONG_CHAIN, FOLLOW, GLUE, UNSIGNED_DS, LITERAL_WILDCARD, ROOM,
]
KNOT_LINNET = [
    TYPE0, TRUNCATED, SUBNET, ERROR_TEXT, CLASS_ANY, ANY, KX, SVCB_TARGET, WILD_TARGET,
    UNSIGNED_DS, LOOP, CHAIN, ROOM,
]
