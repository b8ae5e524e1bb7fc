"""Text files of numbers between ``# key: value`` lines, read so that every complaint names its line."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.texts import decoded

_BINARY = {
    b"MCPL": "an MCPL file",
    b"\x1f\x8b": "a file compressed by gzip",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # of UTF-8, which editors of Windows put
_NEW_PART = "type"


class Block(NamedTuple):
    """Lines of numbers without a comment between them.

    Attributes
    ----------
    line : int
        the number of the first one, from 1
    text : bytes
    """

    line: int
    text: bytes

    def line_of(self, row: int) -> int:
        """Return the line that holds a row, rows counted from 0; below the last row, the next line."""
        filled = [line for line, text in enumerate(self.text.split(b"\n"), self.line) if text.strip()]
        return filled[row] if row < len(filled) else filled[-1] + 1


@dataclass
class Part:
    """What follows a line ``# type:``, up to the next one: a header and blocks of numbers.

    Attributes
    ----------
    header : dict of str
        the value of each ``# key: value`` line above the first number
    blocks : list of Block
    """

    header: dict[str, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)


class TextFile:
    """A file taken apart into headers and blocks of numbers.

    Parameters
    ----------
    path : Path
    expected : str
        what the file should be, for messages

    Attributes
    ----------
    parts : list of Part
        one, or more where the file has several headers
    header, blocks
        those of the first part
    lines : int
        how many lines the file has

    Raises
    ------
    SourceError
        when the file cannot be read, is empty or is not text
    """

    def __init__(self, path: Path, expected: str) -> None:
        self.path = path
        try:
            raw = path.read_bytes().removeprefix(_BYTE_ORDER_MARK)
        except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
            raise SourceError(
                f"{path}: cannot read {expected}: {getattr(error, 'strerror', error)}"
            ) from None
        found = next((kind for magic, kind in _BINARY.items() if raw.startswith(magic)), None)
        if found is None and b"\0" in raw[:4096]:
            found = "binary data"
        if found is not None or not raw.strip():
            raise self.error(1, expected, found or "an empty file")

        self.parts = [Part()]
        self.header, self.blocks = self.parts[0].header, self.parts[0].blocks
        self._header_lines: dict[str, int] = {}
        self.lines = 0
        is_comment = False
        start = 0
        while start < len(raw):
            is_comment = raw.startswith(b"#", start)
            end = raw.find(b"\n" if is_comment else b"\n#", start) + 1 or len(raw)
            text = raw[start:end]
            if is_comment:
                self._note(text)
            elif text.strip():
                self.parts[-1].blocks.append(Block(self.lines + 1, text))
            self.lines += text.count(b"\n") + (not text.endswith(b"\n"))
            start = end
        self._cut = not raw[-1:].isspace() and not is_comment

    def _note(self, comment: bytes) -> None:
        key, _, value = (text.strip() for text in decoded(comment[1:]).partition(":"))
        if key == _NEW_PART and self.parts[-1].blocks:
            self.parts.append(Part())
        if not self.parts[-1].blocks:
            self.parts[-1].header[key] = value
            if len(self.parts) == 1:
                self._header_lines[key] = self.lines + 1

    def line_of(self, key: str) -> int:
        """Return the number of the line that holds a key of the header; of its last line, where none does."""
        return self._header_lines.get(key, max(self._header_lines.values(), default=1))

    def table(self, block: Block, columns: int, meaning: str) -> NDArray[np.float64]:
        """Parse a block whose lines have `columns` numbers each.

        Parameters
        ----------
        block : Block
        columns : int
        meaning : str
            what the numbers of a line are, for messages

        Returns
        -------
        ndarray of float64, shape (lines with numbers, columns)

        Raises
        ------
        SourceError
            when a line has another number of columns or something else than a number
        """
        try:
            # As fast as any other parser of numpy or Python (190 ns a number), and it checks each line.
            table = np.loadtxt(io.BytesIO(block.text), comments=None, ndmin=2)
        except ValueError as error:
            bad_line = self._bad_line(block, columns, meaning)
            raise bad_line or self.error(block.line, f"numbers ({meaning})", str(error)) from None
        if table.shape[1] != columns:
            raise self.error(
                block.line_of(0), f"{columns} numbers ({meaning})", f"lines of {table.shape[1]} numbers"
            )
        if self._cut and block is self.parts[-1].blocks[-1]:
            remedy = (
                "it may be cut short: copy it again or simulate it again, or add the line end if it is whole"
            )
            raise self.error(self.lines, "a line end after the last number", "the end of the file", remedy)
        return table

    def _bad_line(self, block: Block, columns: int, meaning: str) -> SourceError | None:
        expected = f"{columns} numbers ({meaning})"
        for line, text in enumerate(block.text.decode(errors="replace").split("\n"), start=block.line):
            cells = text.split()
            if cells and len(cells) != columns:
                return self.error(line, expected, f"{len(cells)}: {shortened(text)}")
            for cell in cells:
                try:
                    float(cell)
                except ValueError:
                    return self.error(line, expected, shortened(cell))
        return None

    def error(self, line: int, expected: str, found: str, remedy: str = "") -> SourceError:
        """Say what is wrong with a line of this file, and what to do."""
        remedy = remedy or "it is damaged, cut short or of another kind: copy it again or simulate it again"
        return SourceError(f"{self.path}, line {line}: expected {expected}, found {found}; {remedy}")


def shortened(text: str) -> str:
    """Quote a line, or its beginning, for a message."""
    text = text.strip()
    return repr(text if len(text) <= 60 else f"{text[:57]}…")
