"""The Parameters of the bundled scripts that play an instrument: a model for each script."""

from donki.instrument.parameters.choppers import ChopperParameters, ChoppersParameters
from donki.instrument.parameters.digitisers import DigitiserParameters, DigitisersParameters
from donki.instrument.parameters.images import ImageParameters, ImagesParameters
from donki.instrument.parameters.logs import LogParameters, LogsParameters
from donki.instrument.parameters.motion import MotionParameters, MotorParameters
from donki.instrument.parameters.reading import Section, read_parameters

__all__ = [
    "ChopperParameters",
    "ChoppersParameters",
    "DigitiserParameters",
    "DigitisersParameters",
    "ImageParameters",
    "ImagesParameters",
    "LogParameters",
    "LogsParameters",
    "MotionParameters",
    "MotorParameters",
    "Section",
    "read_parameters",
]
