"""The identity of a run, as scripts and files see it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from donki.errors import InputError
from donki.json_text import MOST_BYTES, MOST_DEPTH, parse_json
from donki.versions import check_version

#: The version of what Directors and Players tell each other. It is in a run, and in the answers of Begin and
#: End. That holds for all triggers of the run and their reports too, which need none of their own.
VERSION = 1

#: The most characters of a run's id, which is a part of file names.
MAX_ID = 100

#: Random bytes of a run's id: with these, a billion runs begun in one second are still told apart.
ID_BYTES = 8


def name_for(director: str, other: str) -> str:
    """Return a Director's name as another one knows it: short where both are in one Tango database."""
    database = re.match("tango://[^/]*/", director)
    return director.removeprefix(database[0]) if database and other.startswith(database[0]) else director


@dataclass(frozen=True)
class Run:
    """One run of the orchestra.

    Attributes
    ----------
    id
        unique name, sortable by time: ``20261122T101500Z-3f9a61c07be2d845``
    title
        free text
    metadata
        what the user wants kept with the data; a JSON object
    seed
        non-negative; with the Player's name and the trigger it decides every random number of the run
    director
        the name of the Director that conducts it, with its Tango database if it is in one; empty where a
        Player was started by hand
    """

    id: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    director: str = ""

    @classmethod
    def new(
        cls,
        title: str = "",
        metadata: Mapping[str, Any] | None = None,
        seed: int | None = None,
        director: str = "",
    ) -> Run:
        """Begin a run now; a seed is drawn where none is given."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        return cls(
            id=f"{stamp}-{secrets.token_hex(ID_BYTES)}",
            title=title,
            metadata=dict(metadata or {}),
            seed=secrets.randbits(32) if seed is None else seed,
            director=director,
        )

    def to_json(self) -> str:
        """Return the run as a JSON object with a key for each attribute, and its version."""
        return json.dumps({"version": VERSION, **vars(self), "metadata": dict(self.metadata)})

    @classmethod
    def from_json(cls, text: str) -> Run:
        """Read what `to_json` wrote.

        Raises
        ------
        InputError
            when it is of a later version, the id is missing, or a key is unknown or of the wrong type
        """
        expected = (
            'a run is a JSON object {"id": text, "title": text, "metadata": object, "seed": integer >= 0, '
            '"director": text}'
        )
        try:
            # Around metadata, whose letters `to_json` may have escaped.
            fields = dict(parse_json(text, most_bytes=4 * MOST_BYTES, most_depth=MOST_DEPTH + 1))
            check_version("the run", fields.pop("version", 1), VERSION, InputError)
            run = cls(**fields)
        except (ValueError, TypeError) as error:
            raise InputError(f"{expected}; got {text!r:.200} ({error})") from None
        typed = (
            isinstance(run.id, str)
            and isinstance(run.title, str)
            and isinstance(run.director, str)
            and isinstance(run.metadata, dict)
            and isinstance(run.seed, int)
            and not isinstance(run.seed, bool)
            and run.seed >= 0
        )
        if (
            not typed
            or not 0 < len(run.id) <= MAX_ID
            or not run.id.replace("-", "").replace("_", "").isalnum()
        ):
            raise InputError(
                f"{expected}; the id of letters, digits, - and _, at most {MAX_ID}; got {text!r:.200}"
            )
        return run
