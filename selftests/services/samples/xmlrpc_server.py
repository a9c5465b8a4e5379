# SPDX-License-Identifier: GPL-2.0-or-later
"""A key-value store behind XML-RPC."""
from xmlrpc.server import SimpleXMLRPCServer


class Store(dict):
    def exists(self, name):
        return name in self


store = Store()
server = SimpleXMLRPCServer(("", 15000), allow_none=True)
server.register_function(store.__getitem__, "get")
server.register_function(store.__setitem__, "set")
server.register_function(store.__delitem__, "delete")
server.register_function(store.exists, "exists")
server.register_function(lambda: list(store), "keys")
server.serve_forever()
