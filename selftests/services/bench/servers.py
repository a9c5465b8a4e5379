# SPDX-License-Identifier: GPL-2.0-or-later
"""The servers that are measured: one worker each, on one processor, on loopback."""
import os
import re
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
PATIENCE = 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def on_processor(n):
    """For preexec_fn: servers and clients each have a processor of their own, if there are two."""
    processors = sorted(os.sched_getaffinity(0))
    chosen = processors[n % len(processors)]
    return lambda: os.sched_setaffinity(0, {chosen})


class Server:
    """A running server; what it says is in a file of the work folder."""

    def __init__(self, work, name, command, ports, **environment):
        self.name, self.ports = name, ports
        self.log = os.path.join(work, re.sub(r"\W+", "-", name) + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=work,
                env={**os.environ, **environment}, preexec_fn=on_processor(0))
        for port in ports.values():
            self._await(port)

    def _await(self, port):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() > end:
                    with open(self.log, encoding="utf-8", errors="replace") as log:
                        sys.exit(f"{self.name} does not start:\n{log.read()}")
                time.sleep(0.01)

    def _processes(self):
        todo = [self.process.pid]
        while todo:
            pid = todo.pop()
            yield pid
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                todo += map(int, f.read().split())

    def processor_time(self):
        """Nanoseconds that the server, its workers and all their threads have run, to a tick."""
        ticks = 0
        for pid in self._processes():
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                # utime and stime, behind the name in brackets (proc(5))
                ticks += sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
        return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def debian_nginx_conf(layer, work, servers):
    """
    nginx.conf as Debian has it, but for paths and the number of workers; a connection may be
    used for any number of requests, as linnet-httpd's may.
    """
    with open(os.path.join(layer, "etc/nginx/nginx.conf"), encoding="utf-8") as f:
        conf = f.read()
    for pattern, text in (
            (r"worker_processes .*;", "worker_processes 1; daemon off;"),
            (r"pid .*;", f"pid {work}/nginx.pid;"),
            (r"error_log .*;", f"error_log {work}/nginx-error.log;"),
            (r"access_log .*;", f"access_log {work}/nginx-access.log; keepalive_requests 1000000000;"),
            (r"include /etc/nginx/modules-enabled/.*;", ""),
            (r"include /etc/nginx/conf.d/.*;", ""),
            (r"include /etc/nginx/sites-enabled/.*;", servers),
            (r"/etc/nginx/", f"{layer}/etc/nginx/")):
        conf, n = re.subn(rf"(?m)^(\s*){pattern}" if " " in pattern else pattern,
                          lambda m, t=text: (m[1] if m.re.groups else "") + t, conf)
        if not n:
            sys.exit(f"Debian's nginx.conf has no line \"{pattern}\" any more")
    return conf


def nginx(layer, work, root):
    """Debian's nginx; h2 also without sendfile()."""
    ports = {"h1": free_port(), "h2": free_port(), "h2-sendfile-off": free_port()}
    temporary = "".join(f" {kind}_temp_path {work}/nginx-{kind};"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    servers = f"""{temporary}
    server {{ listen 127.0.0.1:{ports["h1"]}; root {root}; }}
    server {{ listen 127.0.0.1:{ports["h2"]} http2; root {root}; }}
    server {{ listen 127.0.0.1:{ports["h2-sendfile-off"]} http2; root {root}; sendfile off; }}
    """
    conf = write(f"{work}/nginx.conf", debian_nginx_conf(layer, work, servers))
    libraries = os.path.join(layer, "usr/lib/x86_64-linux-gnu")
    return Server(work, "nginx", [f"{layer}/usr/sbin/nginx", "-c", conf, "-p", work,
                                  "-e", f"{work}/nginx-error.log"],
                  ports, LD_LIBRARY_PATH=libraries)


def httpd(programs, work, root):
    """linnet-httpd, with access log and sandbox as always."""
    port = free_port()
    user = 'user = "www-data"' if os.geteuid() == 0 else ""
    conf = write(f"{work}/linnet-httpd.conf", f"""
workers = 1
{user}
access-log = "{work}/linnet-access.log"
listen "127.0.0.1:{port}" {{
	transports = "tcp"
	http2 = true
}}
host "localhost" {{
	default = true
	root = "{root}"
	location "/" {{
		files {{
		}}
	}}
}}
""")
    return Server(work, "linnet-httpd", [f"{programs}/linnet-httpd", "-c", conf],
                  {"h1": port, "h2": port})


def rpcd(programs, work, store):
    """linnet-rpcd with a store: "memory" or "sqlite"."""
    port = free_port()
    where = f"sqlite:{work}/store.db" if store == "sqlite" else store
    return Server(work, f"linnet-rpcd {store}",
                  [f"{programs}/linnet-rpcd", "--transport", "tcp", "-a", "127.0.0.1",
                   "-p", str(port), "--store", where], {"rpc": port})


def python_rpc(work, *how):
    """Python's SimpleXMLRPCServer, by "HTTP/1.0" as it is or by "HTTP/1.1", perhaps with "threads"."""
    port = free_port()
    return Server(work, ", ".join(("Python", *how)),
                  ["/usr/bin/python3", os.path.join(HERE, "key_value_server.py"), str(port), *how],
                  {"rpc": port})


def bare(program, work, response):
    """bare.c: answers each request with these octets, without looking at it."""
    port = free_port()
    path = f"{work}/response"
    with open(path, "wb") as f:
        f.write(response)
    return Server(work, "bare", [program, str(port), path], {"rpc": port})
