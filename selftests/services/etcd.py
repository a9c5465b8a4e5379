# SPDX-License-Identifier: GPL-2.0-or-later
"""
etcd for tests: the one in PATH or in $ETCD; otherwise Debian's package etcd-server is fetched
and unpacked into build/, not installed, as its installation would start a server.
"""
import glob
import os
import shutil
import socket
import subprocess

from harness import Skip

HERE = os.path.dirname(os.path.realpath(__file__))


def find_etcd():
    path = os.environ.get("ETCD") or shutil.which("etcd")
    if path:
        return path
    folder = os.path.join(HERE, "../../build/etcd")
    path = os.path.join(folder, "usr/bin/etcd")
    if not os.access(path, os.X_OK):
        try:
            os.makedirs(folder, exist_ok=True)
            subprocess.run(["apt-get", "download", "etcd-server"], cwd=folder, check=True, timeout=120,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for package in glob.glob(os.path.join(folder, "etcd-server_*.deb")):
                subprocess.run(["dpkg", "-x", package, folder], check=True)
        except (OSError, subprocess.SubprocessError) as e:
            raise Skip(f"no etcd: {e}") from None
    return path


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
