"""The Kafka brokers of a cluster, as people and other programs name them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from donki.errors import BrokerError, InputError
from donki.host_port import format_host_port, parse_host_port

#: How a broker may be spoken to.
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")

_PORT = "9092"

#: A request that every broker answers, before it knows who asks: which versions of the protocol it speaks.
_WHICH_VERSIONS = bytes.fromhex("0000000a 0012 0000 00000000 ffff")


def parse_brokers(
    brokers: str | Iterable[str], options: Mapping[str, Any] | None = None
) -> list[tuple[str, int]]:
    """Return host and port of each broker, once.

    Parameters
    ----------
    brokers
        ``host:port``, ``host`` (port 9092) or ``[IPv6]:port``; each may be preceded by ``PLAINTEXT://`` or
        another protocol, and each text may name several with commas in between
    options
        the Kafka options, which such a protocol must not contradict; by default PLAINTEXT

    Raises
    ------
    InputError
        when one is something else, none is named, or a protocol is not that of the options
    """
    texts = [brokers] if isinstance(brokers, str) else list(brokers)
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if not parts:
        given = ", ".join(texts)
        raise InputError(f"a Kafka broker is given as host:port, several with commas; got {given!r}")
    return list(dict.fromkeys(_parse(part, options or {}) for part in parts))


def _parse(broker: str, options: Mapping[str, Any]) -> tuple[str, int]:
    scheme, found, address = broker.rpartition("://")
    named = scheme.upper()
    wanted = options.get("security_protocol") or PROTOCOLS[0]
    if found and named not in PROTOCOLS:
        raise InputError(
            f"a Kafka broker is given as host:port, with or without {', '.join(PROTOCOLS)} and :// before it;"
            f" got {broker!r}"
        )
    if found and named != wanted:
        raise InputError(
            f"the Kafka broker {broker!r} is named with {named}, but the Kafka options say {wanted}; set"
            f' {{"security_protocol": "{named}"}} in KafkaOptions (--kafka-options), or leave out {scheme}://'
        )
    parsed = parse_host_port(address, _PORT)
    if parsed is None:
        bare = ", and an IPv6 address in brackets" if address.count(":") > 1 and "[" not in address else ""
        raise InputError(
            f"a Kafka broker is given as host:port, with a port from 1 to 65535{bare}; got {broker!r}"
        )
    return parsed


def format_brokers(brokers: Iterable[tuple[str, int]]) -> str:
    """Return the text that `parse_brokers` reads."""
    return ", ".join(format_host_port(*broker) for broker in brokers)


def probe(
    brokers: Sequence[tuple[str, int]], timeout: float, options: Mapping[str, Any] | None = None
) -> tuple[str, int]:
    """Return the first of the brokers that answers: a broker that is down is known at once.

    A client begins with that one, and learns of the others from it. Of several it would try any one first,
    and might spend all its time on one that is down. One that takes connections may have frozen too: of
    several, each is asked what it is.

    Parameters
    ----------
    brokers
        host and port of each
    timeout
        most seconds for all of them
    options
        the Kafka options, which say how they are spoken to

    Raises
    ------
    BrokerError
        when none does
    """
    refusals = []
    for broker in brokers:
        try:
            _reach(broker, timeout / len(brokers), options or {}, is_greeted=len(brokers) > 1)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            refusals.append(f"{format_host_port(*broker)} ({reason})")
        else:
            return broker
    raise BrokerError(
        f"no Kafka broker answers at {', '.join(refusals)}; is it running, is the address right?"
    )


def is_alive(broker: tuple[str, int], timeout: float, options: Mapping[str, Any]) -> bool:
    """Return whether a broker says anything within so many seconds; `options` as `probe` takes them."""
    try:
        _reach(broker, timeout, options, is_greeted=True)
    except (OSError, UnicodeError):
        return False
    return True


def _reach(broker: tuple[str, int], timeout: float, options: Mapping[str, Any], *, is_greeted: bool) -> None:
    protocol = options.get("security_protocol") or PROTOCOLS[0]
    with socket.create_connection(broker, timeout) as connection:
        if is_greeted:
            _greet(connection, is_encrypted=protocol.endswith("SSL"))


def _greet(connection: socket.socket, *, is_encrypted: bool) -> None:
    """Wait until a broker says anything; whether that is right is for the client to find out.

    Raises
    ------
    OSError
        when it does not
    """
    if not is_encrypted:
        connection.sendall(_WHICH_VERSIONS)
        if not connection.recv(1):
            raise ConnectionError("it hangs up")
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(connection).close()
    except ssl.SSLError as error:
        # It may want a certificate, which the client has.
        if isinstance(error, ssl.SSLEOFError):
            raise
