"""Which pixel ids a stream of events takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.numeric import highest, lowest
from donki.streams.readouts.front_end import FrontEnd

_ANY_PIXEL = 0, 2**31 - 1


class PixelRange:
    """The pixel ids from the lowest that a stream takes to the highest.

    Parameters
    ----------
    stream
        what to call it in an error
    detector_number
        the pixels of the detector, if they were given
    front_end
        what reads it out, if it is read out

    Attributes
    ----------
    lowest, highest
        pixel ids
    """

    def __init__(
        self, stream: str, detector_number: NDArray[np.int32] | None, front_end: type[FrontEnd] | None
    ) -> None:
        self._stream = stream
        self._is_any = detector_number is None and front_end is None
        if detector_number is not None:
            self.lowest, self.highest = int(detector_number.min()), int(detector_number.max())
            self._whose = "detector_number is"
        else:
            self.lowest, self.highest = front_end.pixels if front_end else _ANY_PIXEL
            self._whose = f"those that {front_end.name} reads out are" if front_end else "each is"

    def check(self, pixel_id: NDArray[np.int32], *, is_kept: bool) -> tuple[int, int]:
        """Refuse what is not a pixel, or what readers of the file would silently drop.

        Parameters
        ----------
        pixel_id
            shape (n,), n at least 1
        is_kept
            whether a file is told the range

        Returns
        -------
        the smallest pixel id and the largest; the highest there is where nobody needs the largest

        Raises
        ------
        InputError
            when one is outside
        """
        low = lowest(pixel_id)
        high = self.highest if self._is_any and not is_kept else highest(pixel_id)
        if low < self.lowest or high > self.highest:
            raise InputError(
                f"{self._stream}: pixel ids from {low} to {pixel_id.max()}, but {self._whose} from "
                f"{self.lowest} to {self.highest}"
            )
        return low, high
