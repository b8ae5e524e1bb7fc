"""The first bytes of an HDF5 file, where HDF5 marks a file that is open for writing.

HDF5 takes the mark off when it closes the file. A program that is killed leaves it, and then nobody may open
the file before somebody has run ``h5clear``.

References
----------
Superblock version 3: https://docs.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html; its checksum is Bob
Jenkins' lookup3, https://burtleburtle.net/bob/c/lookup3.c
"""

from __future__ import annotations

import struct

#: Bytes of a superblock of version 3.
SUPERBLOCK_SIZE = 48

#: With what an HDF5 file begins.
SIGNATURE = b"\x89HDF\r\n\x1a\n"
_VERSION, _MARK = 8, 11
_WORD = 0xFFFFFFFF


def unmarked(block: bytes) -> bytes:
    """Take the mark off the first bytes of a file; of one that has no superblock of version 3 they stay.

    Parameters
    ----------
    block
        the superblock, as HDF5 writes it
    """
    is_known = len(block) == SUPERBLOCK_SIZE and block.startswith(SIGNATURE) and block[_VERSION] == 3
    if not is_known or not block[_MARK]:
        return block
    clean = block[:_MARK] + b"\0" + block[_MARK + 1 : -4]
    return clean + struct.pack("<I", lookup3(clean))


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
