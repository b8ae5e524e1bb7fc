"""The errors of DonkiOrchestra: one small family, raised where the fact is known, each saying what to do."""

from collections.abc import Callable


class DonkiError(Exception):
    """Something a user can mend; the message names the input and the remedy."""


class ScriptError(DonkiError):
    """An action script that cannot be used, or that failed; names the file and the line."""


class BrokerError(DonkiError):
    """A Kafka broker, a topic or a delivery that failed; names the broker and the topic."""


class FileError(DonkiError):
    """A data file that cannot be written; names the path."""


class ReadoutError(DonkiError):
    """Readouts that cannot be sent to an event formation unit; names its address."""


class SourceError(DonkiError):
    """A source of simulated data that cannot be read; names file, line and what was expected there."""


class NotAllowedError(DonkiError):
    """A request that the present state refuses; names both."""


class NotSetUpError(NotAllowedError):
    """A trigger for a Player that is not set up for its run."""


class BusyError(NotAllowedError):
    """A request for a Player whose script does something else; it may be made again when that is over."""


class SetUpError(DonkiError):
    """A Player that could not be set up for a run; the Director's LastFailure tells it to programs."""


class AnswerError(DonkiError):
    """An answer of a Player or a file writer that cannot be read; names what was expected in its place."""


class InputError(DonkiError):
    """A value that is out of range, of the wrong type or unknown; names the value and what is accepted."""


NOT_IN_SERVER = "Donki_NotInServer"
"""The reason why a call for several Players of a server did not reach one."""

MOST_SHOWN = 4000
"""The most characters that an error says of another one."""


def described(error: BaseException) -> str:
    """Return kind and text of any exception; of a group, of those in it too.

    It is the exception of whatever code: its text may be endless, or fail itself.
    """
    kind, said = type(error).__name__, _text(str, error)
    if isinstance(error, BaseExceptionGroup):
        said += f": {'; '.join(map(described, error.exceptions))}"
    said = shortened(said)
    return f"{kind}: {said}" if said else kind


def shortened(text: str) -> str:
    """Return as much of what another program says as an error shows of it."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} ..."


def shown(value: object, most: int = 80) -> str:
    """Return what a value looks like, in so many characters at most; it may be of whatever class."""
    text = _text(repr, value)
    return f"{text[:most]} ..." if len(text) > most else text


def _text(of: Callable[[object], str], value: object) -> str:
    try:
        return of(value)
    except BaseException as error:  # noqa: BLE001 - how an object of a script shows itself is its code
        return f"its text cannot be had: {type(error).__name__}"
