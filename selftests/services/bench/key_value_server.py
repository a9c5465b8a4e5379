#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
key_value_server.py PORT HTTP-VERSION [threads]: a key-value server of Python's own XML-RPC, as
textbooks have it; with threads, one for each connection.
"""
import sys
from socketserver import ThreadingMixIn
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer


class ThreadingServer(ThreadingMixIn, SimpleXMLRPCServer):
    daemon_threads = True


class KeyValueServer:
    _rpc_methods_ = ["get", "set", "delete", "exists", "keys"]

    def __init__(self, address, server):
        self._data = {}
        self._serv = server(address, Handler, allow_none=True, logRequests=False)
        self._serv.register_multicall_functions()
        for name in self._rpc_methods_:
            self._serv.register_function(getattr(self, name))

    def get(self, name):
        return self._data[name]

    def set(self, name, value):
        self._data[name] = value

    def delete(self, name):
        del self._data[name]

    def exists(self, name):
        return name in self._data

    def keys(self):
        return list(self._data)

    def serve_forever(self):
        self._serv.serve_forever()


class Handler(SimpleXMLRPCRequestHandler):
    protocol_version = sys.argv[2]


KeyValueServer(("127.0.0.1", int(sys.argv[1])),
               ThreadingServer if sys.argv[3:] else SimpleXMLRPCServer).serve_forever()
