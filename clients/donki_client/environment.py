"""What the environment names: where the Tango database and the Kafka broker are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from donki.errors import InputError
from donki.streams.kafka.brokers import parse_brokers
from donki_client.address import Address

#: What checks a variable: HOST:PORT, and of brokers several with commas.
CHECKS: Mapping[str, Callable[[str], object]] = {
    "TANGO_HOST": Address.parse,
    "DONKI_BROKER": parse_brokers,
}


def named(environment: Mapping[str, str], variable: str) -> str | None:
    """Return what a variable of `CHECKS` holds; None where it is not set, or empty.

    Raises
    ------
    InputError
        naming the variable that holds something else
    """
    value = environment.get(variable)
    if not value:
        return None
    try:
        CHECKS[variable](value)
    except InputError as error:
        raise InputError(f"the environment variable {variable}: {error}") from None
    return value
