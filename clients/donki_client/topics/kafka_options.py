"""Security settings for Kafka, from the command line or from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from donki.errors import InputError
from donki.json_text import parse_object
from donki.streams.kafka.client import check_options


def read_kafka_options(text: str) -> dict[str, Any]:
    """Return the options that a JSON object states, or a file that holds one.

    Raises
    ------
    InputError
        when it is neither, or an option is not what it should be; what was given is not shown, for it may be
        a secret
    """
    is_file = not text.lstrip().startswith("{")
    if is_file:
        try:
            text = Path(text).expanduser().read_text()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no text"
            raise InputError(
                f"--kafka-options: neither a JSON object nor a file that can be read ({reason})"
            ) from None
    what = "--kafka-options: the file" if is_file else "--kafka-options"
    options = parse_object(what, text, '{"security_protocol": "SSL"}', secret=True)
    return check_options(options)
