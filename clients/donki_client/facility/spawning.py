"""How programs are started here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

from donki_client.facility import die_with_parent


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    output: int | IO[bytes],
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program that never outlives the thread that started it: the kernel kills it then.

    Parameters
    ----------
    command
        the program, by its path, and its arguments
    environment
        added to this process's own
    output
        where its standard output and error go, as `subprocess.Popen` takes it
    pass_fds
        file descriptors that it has too
    """
    return subprocess.Popen(
        # -I -S: it needs nothing of site-packages, and starts in 20 ms without
        [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        # Ctrl-C is for the parent, which then stops its children in order.
        process_group=0,
        pass_fds=pass_fds,
    )
