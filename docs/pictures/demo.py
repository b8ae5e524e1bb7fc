"""Take the picture of ``donki demo``: ``python docs/pictures/demo.py`` writes demo.svg beside it.

Plays the demo on a terminal of its own, and draws what is on it at the end.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).with_name("demo.svg")
COLUMNS, LINES = 76, 24

#: What the progress bar writes to be erased again.
ERASED = re.compile(r".*(\x1b\[2K|\r(?!$))", re.DOTALL)
LINE_UP = "\x1b[1A"
CURSOR = re.compile(r"\x1b\[\?25[lh]")


def on_a_terminal(*command: str) -> str:
    """Return what a command writes to a terminal."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    written = bytearray()
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment) as process:  # noqa: S603
        os.close(its)
        try:
            while data := os.read(ours, 65536):
                written += data
        except OSError:  # so Linux says that nobody writes any more
            pass
        finally:
            os.close(ours)
    if process.returncode:
        sys.exit(written.decode())
    return CURSOR.sub("", written.decode())


def main() -> None:
    """Take the picture."""
    shown: list[str] = []
    for line in on_a_terminal(str(Path(sys.executable).with_name("donki")), "demo").split("\n"):
        del shown[len(shown) - line.count(LINE_UP) :]
        shown.append(ERASED.sub("", line).rstrip())
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi("\n".join(["$ donki demo", *shown]).rstrip()))
    picture = console.export_svg(title="donki demo")
    # A page that shows the picture loads no fonts for it.
    picture = re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    PICTURE.write_text(picture.replace("Fira Code", "Fira Code, DejaVu Sans Mono"))


if __name__ == "__main__":
    main()
