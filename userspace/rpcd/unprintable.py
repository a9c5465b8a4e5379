#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes unprintable.h: what str.isprintable() says of each character."""
import sys
import unicodedata

print("/* SPDX-License-Identifier: GPL-2.0-or-later */")
print(f"/* Made by unprintable.py: Unicode {unicodedata.unidata_version}. */")
print("/* First and last of each range that Python's repr() escapes, from U+00A0 on. */")
print("static const uint32_t unprintable[][2] = {")
ranges = []
for c in range(0xa0, sys.maxunicode + 1):
    if chr(c).isprintable():
        continue
    if ranges and ranges[-1][1] == c - 1:
        ranges[-1][1] = c
    else:
        ranges.append([c, c])
for i in range(0, len(ranges), 4):
    print("\t" + " ".join(f"{{ {a:#x}, {b:#x} }}," for a, b in ranges[i:i + 4]))
print("};")
