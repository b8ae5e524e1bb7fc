"""Versions of what is stored or sent between processes: a later one is refused by name, never guessed.

The newest version that is known of each format stands with the format: the journal's in
`donki.director.journal.migrations`, a recording's in `donki.sources.recorded.recording`, that of what
Directors and Players tell each other in `donki.run`.
"""

from __future__ import annotations

from donki.errors import DonkiError


def check_version(what: str, found: object, newest: int, error: type[DonkiError]) -> int:
    """Return the version of something if it is known.

    Parameters
    ----------
    what
        of which it is, as the message begins
    found
        the version that it tells
    newest
        the newest version that is known; the first is 1
    error
        what is raised

    Raises
    ------
    DonkiError
        of the class `error`, if it is later than `newest`, or not a version at all
    """
    if type(found) is not int or found < 1:
        raise error(f"{what}: the version is a whole number from 1; got {found!r:.80}")
    if found > newest:
        known = "version 1 is" if newest == 1 else f"versions 1 to {newest} are"
        raise error(
            f"{what} is of version {found!r:.20}, from a later version of DonkiOrchestra; "
            f"{known} understood here, where it must be updated"
        )
    return found
