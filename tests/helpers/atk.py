"""How ATK shows numbers, in ATKPanel and in Jive's device panel: a model of its rules.

ATK is no package of any registry. The rules are those of TangoATK 9.3.22, package
``fr.esrf.tangoatk.widget.util`` of https://github.com/tango-controls/atk, found by reading it and compared
with what its classes show: up to 1e14, and for whole numbers up to 2**53, there is no difference.

``WheelSwitch``
    what people write a number on (``NumberScalarWheelEditor``): ``setFormat``, ``isGoodFormat`` and
    ``setPrecision`` make the digits of the format, ``setValue`` rounds to them, ``getDigit`` shows them. A
    value is a double.
``ATKFormat.format``
    what is read, a scalar or one of a spectrum (``SimpleScalarViewer``, ``NumberSpectrumViewer``). The width
    cuts nothing off here.

Hexadecimal formats are left out, and so is ``%e``: a wheel with an exponent ignores the attribute's range.
"""

from __future__ import annotations

import math
import re

_WHOLE = re.compile(r"%(\d+)d")
_DECIMAL = re.compile(r"%(\d+)\.(\d+)[fF]")

#: What a wheel has before it is told a format that it understands.
_FORMER = (3, 2)

#: What is shown where there is no value.
NO_VALUE = "-----"


class Wheel:
    """A wheel for an attribute.

    Attributes
    ----------
    whole, decimals
        how many digits it has before and after the point
    """

    def __init__(self, display_format: str) -> None:
        self.whole, self.decimals = self._digits(display_format)

    @staticmethod
    def _digits(display_format: str) -> tuple[int, int]:
        if display_format.lower() == "%d":
            return 5, 0
        if (match := _WHOLE.fullmatch(display_format)) and int(match[1]) > 0:
            return int(match[1]), 0
        if match := _DECIMAL.fullmatch(display_format):
            width, decimals = map(int, match.groups())
            if width > decimals:
                return width - decimals, decimals
        return _FORMER

    def shows(self, value: float) -> str:
        """Return the sign and the digits that it shows for a set point."""
        scale = 10.0**self.decimals
        # Java's rint rounds a half to the even one as Python does; a large double is whole already.
        rounded = round(value * scale) / scale
        whole, point, decimals = f"{abs(rounded):.{self.decimals}f}".partition(".")
        return f"{'-' if value < 0 else ''}{whole[-self.whole :]}{point}{decimals}"


def shown(display_format: str, value: float) -> str:
    """Return how a value is shown that is read."""
    if math.isnan(value):
        return NO_VALUE
    number = int(value) if display_format.endswith("d") else value
    return display_format % number
