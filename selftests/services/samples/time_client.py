# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks for the time with an empty datagram, and prints answer and sender."""
import socket

s = socket.socket(type=socket.SOCK_DGRAM)
s.sendto(b"", ("localhost", 20000))
print(s.recvfrom(4096))
