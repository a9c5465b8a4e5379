# SPDX-License-Identifier: GPL-2.0-or-later
"""
Debian's servers for tests: each as its package has it, but only unpacked into a folder of build/,
as installing a package would start its service.

	mail = Unpacked("mail-servers", {"smtp-sink": "postfix"}, libraries=["usr/lib/postfix"])
	subprocess.run([mail.find("smtp-sink"), "-c", ...], env=mail.environment())

find() fetches a program that is not there yet, with the libraries that it lacks, and raises
harness.Skip with the reason where it cannot be had.
"""
import contextlib
import fcntl
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
from harness import Skip, tree  # pylint: disable=wrong-import-position

PLACES = ("usr/sbin", "usr/bin", "sbin", "bin")


class Unpacked:
    """Packages of Debian in a folder of their own below build/."""

    def __init__(self, folder, package_of, libraries=(), places=()):
        self.folder = os.path.join(tree() or os.path.realpath(os.path.join(HERE, "../..")), "build", folder)
        self.package_of, self.libraries, self.places = package_of, libraries, (*PLACES, *places)

    def environment(self):
        """What the unpacked programs need to find their libraries."""
        folders = [os.path.join(self.folder, sub) for sub in self.libraries]
        folders += glob.glob(os.path.join(self.folder, "usr/lib/*-linux-gnu"))
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)}

    @contextlib.contextmanager
    def _alone(self):
        """Of tests that run at a time one fetches, and none sees what is half unpacked."""
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, "lock"), "w", encoding="ascii") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            yield

    def _fetch(self, packages):
        """Download and unpack; a folder of ours keeps half files out."""
        work = os.path.join(self.folder, f"fetch.{os.getpid()}")
        os.makedirs(work, exist_ok=True)
        try:
            # Who may not read this folder may not be apt's helper; a mirror may be busy for once.
            subprocess.run(["apt-get", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3",
                            "download", *packages], cwd=work, check=True, timeout=120,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for deb in glob.glob(os.path.join(work, "*.deb")):
                subprocess.run(["dpkg", "-x", deb, self.folder], check=True, timeout=120)
        finally:
            for deb in glob.glob(os.path.join(work, "*")):
                os.unlink(deb)
            os.rmdir(work)

    def _missing(self, path):
        text = subprocess.run(["ldd", path], env=self.environment(), capture_output=True, text=True,
                              check=False).stdout
        return [line.split()[0] for line in text.splitlines() if "not found" in line]

    @staticmethod
    def _depends(package):
        """The libraries that a package depends on and that are not installed."""
        text = subprocess.run(["apt-cache", "depends", package], capture_output=True, text=True,
                              check=True, timeout=60).stdout
        names = [line.split(":", 1)[1].strip() for line in text.splitlines() if " Depends: " in line]
        return [n for n in names if n.startswith(("lib", f"{package}-libs")) and subprocess.run(
            ["dpkg-query", "-W", "-f", "${Status}", n], capture_output=True, text=True,
            check=False).stdout != "install ok installed"]

    def _path(self, name):
        for sub in self.places:
            path = os.path.join(self.folder, sub, name)
            if os.access(path, os.X_OK):
                return path
        return None

    def have(self, path, packages):
        """A file that only all of these packages together make work; raises what the fetching raised."""
        path = os.path.join(self.folder, path)
        with self._alone():
            if not os.path.exists(path):
                self._fetch(packages)
        return path

    def find(self, name):
        """The path of an unpacked program, fetched when it is not there yet."""
        package = self.package_of[name]
        try:
            with self._alone():
                if not self._path(name):
                    self._fetch([package])
                path = self._path(name)
                if path and self._missing(path):
                    self._fetch(self._depends(package))
        except subprocess.CalledProcessError as e:
            raise Skip(f"no {package}: {e} {(e.stderr or b'').decode(errors='replace').strip()}") from None
        except (OSError, subprocess.SubprocessError) as e:
            raise Skip(f"no {package}: {e}") from None
        if not path:
            raise Skip(f"Debian's {package} has no program {name}")
        if self._missing(path):
            raise Skip(f"{name} lacks {', '.join(self._missing(path))}")
        return path
