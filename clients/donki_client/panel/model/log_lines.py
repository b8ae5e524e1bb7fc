"""What is worth a line in the log of the panel."""

from __future__ import annotations

from dataclasses import dataclass

#: States in which the Status says more than how far the sequence is, which the progress bar shows.
TELLING = frozenset({"ON", "STANDBY", "FAULT", "UNKNOWN"})


@dataclass(frozen=True)
class LogLine:
    """A line of the log.

    Attributes
    ----------
    time
        in s since 1970 UTC
    source
        the Director or a Player, by name
    text
        what it said
    is_error
        whether something failed
    is_important
        whether it is more than a Player's line on a trigger
    """

    time: float
    source: str
    text: str
    is_error: bool = False
    is_important: bool = True


class LogLines:
    """Makes remarks of what is heard, each once.

    Parameters
    ----------
    director
        the Director's name, as it is shown
    """

    def __init__(self, director: str) -> None:
        self._director = director
        self._state = ""
        self._said: dict[str, str] = {}

    def of_director(self, time: float, attribute: str, value: object, problem: str) -> list[LogLine]:
        """Return what the Director's news are worth: a change of state, a failure, a telling Status."""
        text, is_error = str(value or ""), False
        match attribute:
            case "State" if problem or text != self._state:
                before, self._state = self._state, "UNKNOWN" if problem else text
                is_error = self._state in ("FAULT", "UNKNOWN")
                text = problem or (f"{before} → {text}" if before else text)
            case "LastError" if not problem:
                is_error = True
            case "Status" if not problem and self._state in TELLING:
                is_error = self._state == "FAULT"
            case _:
                return []
        return self._once(LogLine(time, self._director, text, is_error))

    def of_player(self, name: str, time: float, attribute: str, value: object, problem: str) -> list[LogLine]:
        """Return what a Player's news are worth: a line of its log, its end and its return."""
        match attribute:
            case "LastLog" if value:
                return self._once(LogLine(time, name, str(value), is_important=False))
            case "State" if problem:
                return self._once(LogLine(time, name, problem, is_error=True))
            case "State" if value in ("ALARM", "FAULT"):
                return self._once(LogLine(time, name, str(value), is_error=True))
        return []

    def _once(self, remark: LogLine) -> list[LogLine]:
        if not remark.text or self._said.get(remark.source) == remark.text:
            return []
        self._said[remark.source] = remark.text
        return [remark]
