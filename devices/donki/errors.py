"""The errors of DonkiOrchestra: one small family, raised where the fact is known, each saying what to do."""


class DonkiError(Exception):
    """Something a user can mend; the message names the input and the remedy."""


class ScriptError(DonkiError):
    """An action script that cannot be used, or that failed; names the file and the line."""


class BrokerError(DonkiError):
    """A Kafka broker, a topic or a delivery that failed; names the broker and the topic."""


class FileError(DonkiError):
    """A data file that cannot be written; names the path."""


class SourceError(DonkiError):
    """A source of simulated data that cannot be read; names file, line and what was expected there."""


class NotAllowedError(DonkiError):
    """A request that the present state refuses; names both."""


class NotSetUpError(NotAllowedError):
    """A trigger for a Player that is not set up for its run."""


class BusyError(NotAllowedError):
    """A request for a Player whose script does something else; it may be made again when that is over."""


class InputError(DonkiError):
    """A value that is out of range, of the wrong type or unknown; names the value and what is accepted."""
