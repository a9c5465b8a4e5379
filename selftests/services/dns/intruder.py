# SPDX-License-Identifier: GPL-2.0-or-later
"""
System calls in the place of another process, as somebody makes them who has broken into it.

	with Intruder(pid) as i:
	    i.call("openat", AT_FDCWD, "/etc/passwd", 0)    # what it gave, a negative errno for an error
	    i.call("execve", "/bin/true", 0, 0)             # None: the process was ended by a signal

A thread can be told by its number, too: the others of its process go on.

The process is stopped by ptrace() while it waits in a system call; this one is made again by it
afterwards. For x86-64; raises Skip where that, or ptrace(), cannot be had.
"""
import ctypes
import errno
import os
import platform
import signal
import struct

from harness import Skip

ATTACH, DETACH, SINGLESTEP, GETREGS, SETREGS, KILL = 16, 17, 9, 12, 13, 8
AT_FDCWD = -100
NUMBERS = {"read": 0, "open": 2, "socket": 41, "fork": 57, "clone": 56, "execve": 59, "exit": 60, "kill": 62, "rename": 82, "mkdir": 83,
           "unlink": 87, "chmod": 90, "chown": 92, "ptrace": 101, "setuid": 105, "mount": 165, "openat": 257, "unshare": 272}
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es "
             "fs gs").split()
SYSCALL = b"\x0f\x05"
WALL = 0x40000000		# also a thread
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Intruder:
    def __init__(self, pid):
        if platform.machine() != "x86_64":
            raise Skip(f"calls are made for x86-64, this is {platform.machine()}")
        self.pid, self.gone = pid, False

    def _ptrace(self, request, data=None):
        if libc.ptrace(request, self.pid, None, data) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request}: {os.strerror(ctypes.get_errno())}")

    def _get(self):
        regs = (ctypes.c_ulonglong * len(REGISTERS))()
        self._ptrace(GETREGS, ctypes.addressof(regs))
        return dict(zip(REGISTERS, regs))

    def _set(self, values):
        regs = (ctypes.c_ulonglong * len(REGISTERS))(*(values[r] for r in REGISTERS))
        self._ptrace(SETREGS, ctypes.addressof(regs))

    def _memory(self, address, data=None, size=0):
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as f:
            f.seek(address)
            return f.write(data) if data else f.read(size)

    def __enter__(self):
        try:
            self._ptrace(ATTACH)
        except OSError as e:
            if e.errno == errno.EPERM:
                raise Skip("ptrace() is not allowed") from None
            raise
        os.waitpid(self.pid, WALL)
        self.saved = self._get()
        if self._memory(self.saved["rip"] - 2, size=2) != SYSCALL:
            self.__exit__()
            raise Skip("the process does not wait in a system call")
        return self

    def call(self, name, *args):
        regs = dict(self.saved, rax=NUMBERS[name], orig_rax=2 ** 64 - 1, rip=self.saved["rip"] - 2)
        # Texts lie below what the stack is used for.
        at = self.saved["rsp"] - 8192
        for register, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), args):
            if isinstance(value, str):
                data = value.encode() + b"\0"
                self._memory(at, data)
                value, at = at, at + len(data)
            regs[register] = value % 2 ** 64
        self._set(regs)
        self._ptrace(SINGLESTEP)
        _, status = os.waitpid(self.pid, WALL)
        while os.WIFSTOPPED(status) and os.WSTOPSIG(status) != signal.SIGTRAP:
            # The signal that ends it
            self._ptrace(SINGLESTEP, os.WSTOPSIG(status))
            _, status = os.waitpid(self.pid, WALL)
        if not os.WIFSTOPPED(status):
            self.gone = True
            return None
        return struct.unpack("q", struct.pack("Q", self._get()["rax"]))[0]

    def __exit__(self, *_):
        if self.gone:
            return
        # Not called again by the kernel, which would do so by what our last call gave.
        self._set(dict(self.saved))
        self._ptrace(DETACH)
