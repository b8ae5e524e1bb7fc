"""A process that imports what servers need once, and forks each: ``python -m ... DESCRIPTOR``.

Most of a server's start are imports, and they are the same for all. This process starts no thread, and what
it imports starts none that a fork would lose. Requests are JSON objects, one a packet of the socket that
has the descriptor:

* ``{"load": [module, ...]}``: import these.
* ``{"fork": module, "number": ..., "name": ..., "arguments": [...], "environment": {name: value or null},
  "folder": ..., "log": ...}``: import the module and call its ``main()`` in a process of its own, shown by
  that name; the answer is ``{"started": number, "pid": pid}``. The kernel gives a pid again, whoever asks
  gives no number again.
* ``{"signal": signal, "to": number}``: for one that it has forked and that has not ended.

``{"ended": number, "status": status}`` tells of each that has ended. All end with this process.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import warnings
from typing import Any

from donki_client.facility.die_with_parent import PR_SET_PDEATHSIG

PR_SET_NAME = 15  # linux/prctl.h; it keeps 15 bytes

MOST = 1 << 20  # bytes of a request or an answer


def main() -> None:
    """Answer requests until the other side is gone; in what was forked, be what was asked for."""
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        asked = _serve(channel)
    if asked:
        _become(**asked)


def _serve(channel: socket.socket) -> dict[str, Any] | None:
    """Return None at the end, and what was asked for in a process that was forked."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    numbers: dict[int, int] = {}  # by pid, of those that have not ended
    with woken, wake, selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                woken.recv(MOST)
                _tell_ended(channel, numbers)
            if channel not in ready:
                continue
            packet = channel.recv(MOST)
            if not packet:
                return None
            request = json.loads(packet)
            if "fork" in request:
                number = request.pop("number")
                pid = _fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    return request  # type: ignore[no-any-return]
                numbers[pid] = number
                channel.send(json.dumps({"started": number, "pid": pid}).encode())
            elif "signal" in request:
                for pid in [pid for pid, number in numbers.items() if number == request["to"]]:
                    os.kill(pid, request["signal"])
            else:
                for module in request["load"]:
                    importlib.import_module(module)


def _fork() -> int:
    parent = os.getpid()
    with warnings.catch_warnings():
        # Of threads: OpenBLAS has some, ends them before a fork and starts them when it needs them.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        os.setpgid(0, 0)
    return pid


def _tell_ended(channel: socket.socket, numbers: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            status = os.waitstatus_to_exitcode(ended[1])
            channel.send(json.dumps({"ended": numbers.pop(ended[0]), "status": status}).encode())


def _become(
    fork: str, name: str, arguments: list[str], environment: dict[str, str | None], folder: str, log: str
) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(folder)
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())
    for variable, value in environment.items():
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = value
    sys.argv = [fork, *arguments]
    module = importlib.import_module(fork)
    if "numpy.random" in sys.modules:
        # Its one global generator would be the same in all; Python's own is seeded again at a fork.
        sys.modules["numpy.random"].seed()
    sys.exit(module.main())


if __name__ == "__main__":
    main()
