# SPDX-License-Identifier: GPL-2.0-or-later
"""An application for any WSGI server, and the one of the standard library around it."""
from wsgiref.simple_server import make_server


def application(environ, start_response):
    body = b"<p>a page by WSGI</p>"
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    make_server("127.0.0.1", 8000, application).serve_forever()
