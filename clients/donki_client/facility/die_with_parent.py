"""Become another program that dies with its parent: ``die_with_parent.py PARENT_PID PROGRAM ARGUMENT...``.

A program of its own, because nothing but async-signal-safe calls may run between fork and exec of a process
with threads. It imports as little as it can, since it stands before the start of every server.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; see prctl(2): kept across execve


def main() -> None:
    """Ask the kernel for SIGKILL at the parent's death, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main()
