# SPDX-License-Identifier: GPL-2.0-or-later
"""A small MaxMind DB (version 2.0 of its format, 24-bit records), written for tests.

	write(path, {"192.0.2.0/24": {"country": {"iso_code": "DE"}}, "2001:db8::/32": {...}}, version=6)
"""
import ipaddress

MAP, TEXT, UINT16, UINT32, UINT64, ARRAY = 7, 2, 5, 6, 9, 11


def field(kind, size):
    """The octets before a value: kinds above 7 and sizes above 28 take one more."""
    assert size < 285
    out = [(kind if kind <= 7 else 0) << 5 | min(size, 29)]
    if kind > 7:
        out.append(kind - 7)
    if size >= 29:
        out.append(size - 29)
    return bytes(out)


def number(kind, value):
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return field(kind, len(octets)) + octets


def encode(value):
    if isinstance(value, dict):
        return field(MAP, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return field(ARRAY, len(value)) + b"".join(map(encode, value))
    if isinstance(value, int):
        return number(UINT32, value)
    octets = value.encode()
    return field(TEXT, len(octets)) + octets


def bits_of(network, version):
    """The way from the root: IPv4 is below ::/96 in a tree of IPv6."""
    address, bits = int(network.network_address), network.max_prefixlen
    way = [address >> (bits - 1 - i) & 1 for i in range(network.prefixlen)]
    return [0] * 96 + way if version == 6 and network.version == 4 else way


def write(path, networks, version=6):
    nodes, data, at = [[None, None]], b"", {}
    for text, value in networks.items():
        at[text] = len(data)
        data += encode(value)
    # Longer prefixes later, so that they are cut out of the shorter ones.
    for text in sorted(networks, key=lambda t: ipaddress.ip_network(t).prefixlen):
        *way, last = bits_of(ipaddress.ip_network(text), version)
        node = 0
        for bit in way:
            below = nodes[node][bit]
            if not isinstance(below, int):
                nodes.append([below, below])
                below = nodes[node][bit] = len(nodes) - 1
            node = below
        nodes[node][last] = text
    tree = b""
    for pair in nodes:
        for below in pair:
            value = len(nodes) if below is None else below if isinstance(below, int) else len(nodes) + 16 + at[below]
            tree += value.to_bytes(3, "big")
    metadata = {"node_count": number(UINT32, len(nodes)), "record_size": number(UINT16, 24),
                "ip_version": number(UINT16, version), "database_type": encode("Test"), "languages": encode([]),
                "binary_format_major_version": number(UINT16, 2), "binary_format_minor_version": number(UINT16, 0),
                "build_epoch": number(UINT64, 1700000000), "description": encode({"en": "for tests"})}
    with open(path, "wb") as f:
        f.write(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + field(MAP, len(metadata)))
        for key, value in metadata.items():
            f.write(encode(key) + value)
    return path
