"""The first bytes of an HDF5 file, where HDF5 marks a file that is open for writing.

HDF5 takes the mark off when it closes the file. A program that is killed leaves it, and then nobody may open
the file before somebody has run ``h5clear``.

References
----------
Superblock version 3: https://docs.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html; its checksum is Bob
Jenkins' lookup3, https://burtleburtle.net/bob/c/lookup3.c
"""

from __future__ import annotations

import os
import struct

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_VERSION, _MARK = 8, 11
_SIZE = 48
_WORD = 0xFFFFFFFF


def unmark(descriptor: int) -> None:
    """Take the mark off a file of superblock version 3 that begins at its first byte.

    Parameters
    ----------
    descriptor
        of the file, open for reading and writing
    """
    block = bytearray(os.pread(descriptor, _SIZE, 0))
    is_known = len(block) == _SIZE and block.startswith(_SIGNATURE) and block[_VERSION] == 3
    if is_known and block[_MARK]:
        block[_MARK] = 0
        block[-4:] = struct.pack("<I", lookup3(bytes(block[:-4])))
        os.pwrite(descriptor, block, 0)


def lookup3(key: bytes) -> int:
    """Return Jenkins' hash ``hashlittle`` of some bytes, 32 bits."""
    a = b = c = (0xDEADBEEF + len(key)) & _WORD
    size = -(-len(key) // 12) * 12
    words = struct.unpack(f"<{size // 4}I", key.ljust(size, b"\0"))
    for at in range(0, len(words), 3):
        a, b, c = (a + words[at]) & _WORD, (b + words[at + 1]) & _WORD, (c + words[at + 2]) & _WORD
        # The three change places from step to step.
        for bits in (4, 6, 8, 16, 19, 4) if at + 3 < len(words) else ():
            a, b, c = b, (c + b) & _WORD, ((a - c) & _WORD) ^ _rotated(c, bits)
    for bits in (14, 11, 25, 16, 4, 14, 24):
        a, b, c = b, ((c ^ b) - _rotated(b, bits)) & _WORD, a
    return b


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _WORD
