"""Numbers that a source is made with."""

from __future__ import annotations

import operator

from donki.errors import InputError
from donki.numeric import whole_number
from donki.sources.events import MAX_PIXEL_ID

MOST_PIXELS = 1 << 26
"""Of a bank or an image; more are a mistake, and would not fit into memory."""

SHORTEST, LONGEST = 1e-9, 1e6
"""Of lengths, in m."""

MOST_COUNTS = 1e15
"""Of a frame, on average: numpy draws no larger Poisson number."""


def check_length(name: str, metres: float) -> None:
    """Refuse what is not a length.

    Raises
    ------
    InputError
        unless it is a number of m that is above 0 and makes sense
    """
    try:
        is_length = SHORTEST <= metres <= LONGEST
    except TypeError:
        is_length = False
    if not is_length:
        raise InputError(
            f"{name} must be above 0, in m, from {SHORTEST:g} to {LONGEST:g}, not {metres!r:.100}"
        )


def check_pixels(name: str, rows: int, columns: int, most: int = MOST_PIXELS) -> None:
    """Refuse rows and columns that are not whole numbers, or too many.

    Raises
    ------
    InputError
        unless both are 1 or more, and their product at most `most`
    """
    try:
        is_count = min(operator.index(rows), operator.index(columns)) > 0 and rows * columns <= most
    except TypeError:
        is_count = False
    if not is_count:
        raise InputError(
            f"{name} rows and columns must be whole numbers above 0, {most} pixels at most, not"
            f" {rows!r:.100} and {columns!r:.100}"
        )


def check_pixel_numbers(first_pixel: int, pixels: int) -> None:
    """Refuse a first pixel from which on so many pixels have no numbers.

    Raises
    ------
    InputError
        unless all numbers are whole and fit into int32, from 0
    """
    first = whole_number(first_pixel)
    if first is None or not 0 <= first <= MAX_PIXEL_ID + 1 - pixels:
        raise InputError(
            f"first_pixel={first_pixel!r:.100} with {pixels} pixels: pixel numbers run from 0 to"
            f" {MAX_PIXEL_ID}, and are whole"
        )


def check_counts(counts: float) -> None:
    """Refuse what is not an average number of counts in a frame.

    Raises
    ------
    InputError
        when it is negative, too large or no number
    """
    if not 0 <= counts <= MOST_COUNTS:
        raise InputError(f"counts={counts} is not a number of counts in a frame, from 0 to {MOST_COUNTS:g}")
