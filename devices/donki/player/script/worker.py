"""What a process that an action script started does first; see `donki.player.script.workers`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

from donki.player.script.workers import refuse_fork
from donki.threads import Threads

POLL = 0.02  # s


def follow_parent() -> None:
    """End this process as soon as the one that started it has ended, whatever it does."""
    # It is known when what the process is to do has been read.
    while (parent := multiprocessing.parent_process()) is None:
        time.sleep(POLL)
    parent.join()
    os._exit(1)


# multiprocessing imports this under that name, in place of the program that started the process.
if __name__ == "__mp_main__":
    # The server's threads block signals, and Ctrl-C is for the server.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    refuse_fork()
    Threads().start("follow parent", follow_parent)
