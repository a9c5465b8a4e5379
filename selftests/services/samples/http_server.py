# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP with bare hands: one answer for each GET, none for the rest."""
import socket

response = (b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n"
            b"<html><title>bare</title><p>made by hand</html>\n")

listener = socket.socket()
listener.bind(("127.0.0.1", 9999))
listener.listen()
while True:
    client, address = listener.accept()
    with client:
        if client.recv(4096).startswith(b"GET "):
            client.sendall(response)
