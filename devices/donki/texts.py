"""Texts from outside: decoded whatever their encoding, and shown so that nothing in them acts."""

from __future__ import annotations

import re

#: Control characters (C0, DEL, C1), what ends a line or turns the direction of writing, half surrogate pairs.
_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def decoded(text: bytes) -> str:
    """Return bytes as text: UTF-8, or Latin-1 where they are not."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return a text in which control characters are shown as ``\x1b``, bidirectional ones as ``\u202e``.

    Parameters
    ----------
    text
        whatever it is
    lines
        whether it may have several lines; else a newline is shown as ``\n``
    """
    return _ACTING.sub(lambda found: found[0] if lines and found[0] == "\n" else _shown(found[0]), text)


def _shown(letter: str) -> str:
    code = ord(letter)
    return _NAMED.get(letter) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
