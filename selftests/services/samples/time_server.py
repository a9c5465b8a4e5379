# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers each datagram with the time."""
import socket
import time

s = socket.socket(type=socket.SOCK_DGRAM)
s.bind(("", 20000))
while True:
    data, address = s.recvfrom(4096)
    print("asked by", address)
    s.sendto(time.ctime().encode(), address)
