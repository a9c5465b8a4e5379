#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An echo client that has never heard of Linnet.

echo_client.py HOST PORT BYTES: send so many bytes, end the sending side, read
until the other side ends its own, compare.
"""
import socket
import sys
import threading


def main():
    host, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    message = bytes(i * i % 251 for i in range(size))
    answer = bytearray()
    with socket.create_connection((host, port), timeout=60) as s:
        # While it sends, the echo already comes back
        sender = threading.Thread(target=lambda: (s.sendall(message), s.shutdown(socket.SHUT_WR)))
        sender.start()
        while piece := s.recv(65536):
            answer += piece
        sender.join()
    if answer != message:
        sys.exit(f"sent {len(message)} bytes, {len(answer)} came back, and they differ")
    print(f"{len(answer)} bytes went out and came back the same")


main()
