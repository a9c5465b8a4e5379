# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends back what comes, to one client after the other."""
import socket


def serve(connection):
    with connection:
        while data := connection.recv(4096):
            print("got", data)
            connection.sendall(data)


listener = socket.socket()
listener.bind(("", 20000))
listener.listen()
while True:
    client, address = listener.accept()
    print("client", address)
    serve(client)
