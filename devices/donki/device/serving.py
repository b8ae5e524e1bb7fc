"""A device server as a program, whose exit status tells whether it could start."""

from __future__ import annotations

import gc
import signal
import sys

import tango
from tango.server import Device

#: The exit status after Ctrl-C, as shells have it.
INTERRUPTED = 130


def serve(kind: type[Device]) -> None:
    """Run the server of a device class, as every Tango server is run: ``KIND INSTANCE``.

    A server that cannot start says why and ends with an exit status other than 0.
    """
    # Starter blocks signals in what it launches: SIGTERM would not end it.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # What is imported stays: to look through it for garbage holds up a trigger by 50 ms.
    gc.freeze()
    try:
        kind.run_server(raises=True)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except tango.DevFailed as error:
        reasons = "; ".join(" ".join(level.desc.split()) for level in error.args)
        sys.exit(f"{kind.__name__} cannot start: {reasons}")
