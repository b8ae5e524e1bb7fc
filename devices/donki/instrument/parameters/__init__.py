"""The Parameters of the bundled scripts that play an instrument: a model for each script."""

from donki.instrument.parameters.reading import Section, read_parameters

__all__ = ["Section", "read_parameters"]
