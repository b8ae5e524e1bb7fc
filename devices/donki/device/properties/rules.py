"""What a property of any device must be where it names a folder or a topic."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from donki.errors import InputError
from donki.streams.kafka.topics.name import check_topic


def read_folder(name: str) -> Path:
    """Return a folder that a property names, with ``~`` and ``~user`` expanded.

    Raises
    ------
    InputError
        when there is no such home
    """
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise InputError(f"{name}: there is no such home; write the folder in full") from None


def read_folders(names: Iterable[str]) -> list[Path]:
    """Return what `read_folder` does of each."""
    return [read_folder(name) for name in names]


def check_optional_topic(topic: str) -> None:
    """Refuse the name of a topic that no broker takes, by a BrokerError; empty is none."""
    if topic:
        check_topic(topic)
