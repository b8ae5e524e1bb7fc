"""The NeXus structure that a user has the file writers write, with the placeholders that NICOS fills in.

They are those of ``nicos_ess/devices/datasinks/nexus_structure.py`` (https://github.com/mlz-ictrl/nicos):
kafka-to-nexus itself knows none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from donki.errors import FileError, InputError
from donki.json_text import parse_json
from donki.run import Run
from donki.streams.kafka.producer import MOST_PAYLOAD
from donki.streams.listing import Stream
from donki.streams.schemas.files.structure import group, text

#: In a text: what is put in their place.
_IN_TEXTS = ("$TITLE$", "$EXP_ID$", "$ENTRY_ID$", "$JOB_ID$")

#: In a list of children: the class of the groups in their place, what their names begin with, and which of
#: the run's metadata lists them.
_IN_LISTS = {"$USERS$": ("NXuser", "user", "users"), "$SAMPLES$": ("NXsample", "sample", "samples")}

#: In the place of the ``array_size`` of an image.
_SIZE = "$AREADET$"

_PLACEHOLDER = re.compile(r"\$[A-Z]+(_[A-Z]+)*\$")


class OwnStructure:
    """A structure, as a file holds it.

    Parameters
    ----------
    path
        of a JSON file: what is in the file that is to be written, under ``children``

    Raises
    ------
    FileError
        when it cannot be read
    InputError
        when it is no such structure, or has a placeholder that is not known
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            content = path.expanduser().read_text()
        except (OSError, RuntimeError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise FileError(f"the structure {path} cannot be read: {reason}") from None
        try:
            self._tree = parse_json(content, most_bytes=MOST_PAYLOAD)
        except ValueError as error:
            raise InputError(f"the structure {path} is not JSON: {error}") from None
        if not isinstance(self._tree, dict) or not isinstance(self._tree.get("children"), list):
            raise InputError(
                f'the structure {path}: a JSON object with a list of children is expected, {{"children": []}}'
            )
        known = (*_IN_TEXTS, *_IN_LISTS, _SIZE)
        for said in _texts(self._tree):
            if _PLACEHOLDER.fullmatch(said) and said not in known:
                raise InputError(
                    f"the structure {path}: {said} is no placeholder; those are {', '.join(known)}"
                )

    def fill(self, run: Run, job: str, streams: Iterable[Stream]) -> dict[str, Any]:
        """Return it with its placeholders filled in.

        Parameters
        ----------
        run
            title, id, and in its metadata ``proposal``, ``users`` and ``samples``
        job
            a UUID
        streams
            what the Players stream: the size of an image is that of its stream

        Raises
        ------
        InputError
            when it leaves the size of an image open that no Player streams, or not of one size
        """
        proposal = run.metadata.get("proposal", "")
        texts = dict(zip(_IN_TEXTS, (run.title, str(proposal), run.id, job), strict=True))
        sizes = {
            (stream.topic, stream.source): list(stream.layout["shape"])
            for stream in streams
            if stream.layout and stream.layout.get("shape")
        }
        return dict(_Filling(self._path, texts, run.metadata, sizes).fill(self._tree))


def unnamed_streams(structure: Mapping[str, Any], streams: Iterable[Stream]) -> list[str]:
    """Return which streams a structure does not name, as ``TOPIC/SOURCE``: they will not be in the file."""
    named = set(_sources(structure))
    streamed = dict.fromkeys((stream.topic, stream.source) for stream in streams)
    return ["/".join(stream) for stream in streamed if stream not in named]


class _Filling:
    def __init__(
        self,
        path: Path,
        texts: Mapping[str, str],
        metadata: Mapping[str, Any],
        sizes: Mapping[tuple[str, str], list[int]],
    ) -> None:
        self._path = path
        self._texts = texts
        self._metadata = metadata
        self._sizes = sizes

    def fill(self, value: Any) -> Any:
        if isinstance(value, str):
            # At once: what is put in may look like a placeholder itself.
            return _PLACEHOLDER.sub(lambda found: self._texts.get(found[0], found[0]), value)
        if isinstance(value, list):
            return [filled for item in value for filled in self._fill_item(item)]
        if isinstance(value, dict):
            filled = {key: self.fill(part) for key, part in value.items()}
            return filled | {"array_size": self._size(value)} if value.get("array_size") == _SIZE else filled
        return value

    def _fill_item(self, item: Any) -> Iterator[Any]:
        if not isinstance(item, str) or item not in _IN_LISTS:
            yield self.fill(item)
            return
        nexus_class, prefix, key = _IN_LISTS[item]
        listed = self._metadata.get(key)
        for said in listed if isinstance(listed, list) else ():
            if isinstance(said, Mapping) and (name := "".join(str(said.get("name", "")).split())):
                fields = [text(field, _as_text(content)) for field, content in said.items()]
                yield group(f"{prefix}_{name}", nexus_class, fields)

    def _size(self, config: Mapping[str, Any]) -> list[int]:
        stream = config.get("topic"), config.get("source")
        if stream not in self._sizes:
            raise InputError(
                f"the structure {self._path}: the array_size of source {stream[1]!r} in topic {stream[0]!r} "
                f"is {_SIZE}, and no Player streams images of one size there; write the size"
            )
        return self._sizes[stream]  # type: ignore[index]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _sources(value: Any) -> Iterator[tuple[str, str]]:
    """Yield topic and source of each module that writes a stream."""
    if isinstance(value, list):
        for part in value:
            yield from _sources(part)
    elif isinstance(value, dict):
        config = value.get("config")
        if isinstance(config, dict) and isinstance(config.get("topic"), str):
            yield config["topic"], str(config.get("source", ""))
        yield from _sources(value.get("children"))


def _as_text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content)
