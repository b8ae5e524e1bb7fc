"""A command on a terminal of its own, as a user types at it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import threading
from contextlib import suppress

from helpers.donki_command import DONKI, Command


class Terminal:
    """A command on a terminal of its own, which answers when it is asked where the cursor is."""

    def __init__(self, command: Command, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            # As its controlling terminal, so that Ctrl-C reaches it.
            ["setsid", "--ctty", DONKI, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "XDG_DATA_HOME": str(command.data), "TERM": "xterm-256color"},
        )
        os.close(slave)
        self._shown = ""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def expect(self, pattern: str, limit: float = 60.0) -> None:
        """Wait until a pattern is shown after what was expected before."""
        with self._more:
            assert self._more.wait_for(lambda: re.search(pattern, self._shown), limit), (
                f"{pattern!r} was not shown, but {self._shown!r}"
            )
            self._shown = self._shown[re.search(pattern, self._shown).end() :]

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)
        self._reader.join(20)
        os.close(self._master)

    def _read(self) -> None:
        # Linux says EIO where the other end was closed.
        with suppress(OSError):
            while raw := os.read(self._master, 65536).decode(errors="replace"):
                if "\x1b[6n" in raw:
                    self.type("\x1b[1;1R")
                with self._more:
                    self._shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw)
                    self._more.notify_all()
