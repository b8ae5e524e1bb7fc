"""The names that Kafka topics may have."""

from __future__ import annotations

import re

from donki.errors import InputError, shown

_LEGAL = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def check_topic(topic: str) -> None:
    """Refuse a name that no broker takes.

    Raises
    ------
    InputError
        when it is not one to 249 letters, digits, dots, underscores and hyphens
    """
    if not isinstance(topic, str) or not _LEGAL.fullmatch(topic) or topic in {".", ".."}:
        raise InputError(
            f"Kafka topic {shown(topic)} cannot be made: a name is 1 to 249 letters, digits, '.', '_' or '-'"
        )
