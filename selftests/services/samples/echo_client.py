# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends a word and prints what comes back."""
import socket

with socket.create_connection(("localhost", 20000)) as s:
    s.sendall(b"a linnet sings")
    print(s.recv(4096).decode())
