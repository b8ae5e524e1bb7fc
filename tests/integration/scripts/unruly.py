"""Does what is no good for others in the same process, at trigger 2: the Parameter `deed` names it.

The Parameter `until` is a file: the deeds that last go on until it is there, but no more than 20 s.
"""

import ctypes
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy

LIMIT = 20.0


class Odd(BaseException):
    pass


def lasts(player):
    end = time.monotonic() + LIMIT
    while not Path(player.parameters["until"]).exists():
        yield
        if time.monotonic() > end:
            raise TimeoutError("the neighbours did not act meanwhile")


def sleep(player):
    for _ in lasts(player):
        time.sleep(0.02)


def spin(player):
    for _ in lasts(player):
        sum(range(10_000))


def hold(_player):
    """Block in C code that keeps Python's lock."""
    ctypes.PyDLL(None).usleep(300_000)


def leave(_player):
    raise SystemExit(3)


def interrupt(_player):
    raise KeyboardInterrupt


def odd(_player):
    raise Odd


def threads(_player):
    def die():
        raise Odd

    for kind in (threading.Thread, lambda target: threading.Timer(0, target)):
        kind(target=die).start()


def fork(_player):
    os.fork()


def handle(_player):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def upset(player):
    """Change what belongs to the whole process."""
    print("from an unruly Player")
    os.chdir("/")
    os.environ["UNRULY"] = player.name
    sys.path.insert(0, "/nowhere")
    random.seed(0)
    numpy.random.seed(0)


def vanish(_player):
    os._exit(7)


def crash(_player):
    ctypes.string_at(0)


def action(trigger, player):
    if trigger == 2 and trigger.attempt == 1:
        globals()[player.parameters.get("deed", "sleep")](player)
