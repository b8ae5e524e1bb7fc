"""What every Kafka client needs: who the brokers are, whether one is there, and the security settings."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, RetriableError

from donki.errors import BrokerError, InputError

# On debug level the client logs its configuration, passwords and all; and what goes wrong is raised anyway.
logging.getLogger("kafka").setLevel(logging.CRITICAL)
_connections = logging.getLogger("kafka.net.manager")

Client = TypeVar("Client")

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_SECURITY = ("security_protocol", "ssl_", "sasl_")
_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")


def parse_address(broker: str) -> tuple[str, int]:
    """Return host and port of ``host:port``, ``host`` (port 9092) or ``[IPv6]:port``.

    Raises
    ------
    InputError
        when it is none of these
    """
    text = broker.strip()
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, "9092"
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"a Kafka broker is given as host:port, with a port from 1 to 65535; got {broker!r}")
    return host, int(port)


def format_address(address: tuple[str, int]) -> str:
    """Return the text that `parse_address` reads."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the security settings that a user may hand to the Kafka client.

    Parameters
    ----------
    options
        as kafka-python names them: ``security_protocol``, ``ssl_*``, ``sasl_*``

    Raises
    ------
    InputError
        when a name is another one, the protocol unknown or a file missing; no secret is shown
    """
    for name in options:
        if not name.startswith(_SECURITY) or name not in KafkaAdminClient.DEFAULT_CONFIG:
            raise InputError(
                f"{name!r} is not an option for Kafka;"
                " accepted are kafka-python's security_protocol, ssl_* and sasl_*"
            )
    protocol = options.get("security_protocol", "PLAINTEXT")
    if protocol not in _PROTOCOLS:
        raise InputError(
            f"the Kafka option security_protocol is one of {', '.join(_PROTOCOLS)}; got {protocol!r}"
        )
    for name in _FILES:
        path = options.get(name)
        if path is not None and not (isinstance(path, str) and Path(path).is_file()):
            raise InputError(f"the file that the Kafka option {name} names is not there: {path}")
    return dict(options)


def knock(addresses: Sequence[tuple[str, int]], timeout: float) -> None:
    """Return when one of the brokers takes a connection: a broker that is down is known at once.

    Raises
    ------
    BrokerError
        when none does
    """
    refusals = []
    for host, port in addresses:
        try:
            socket.create_connection((host, port), timeout / len(addresses)).close()
        except OSError as error:
            refusals.append(f"{host}:{port} ({error.strerror or error})")
        else:
            return
    raise BrokerError(
        f"no Kafka broker answers at {', '.join(refusals)}; is it running, is the address right?"
    )


def open_client(kind: Callable[..., Client], broker: str, settings: Mapping[str, Any]) -> Client:
    """Make a client of kafka-python; where that fails, leave no thread and no connection behind.

    Parameters
    ----------
    kind
        the client's class
    broker
        what to call the broker in an error
    settings
        of the client

    Raises
    ------
    BrokerError
        when the broker does not answer in time or refuses the client
    """
    opened = []

    def open_network(**network_settings: Any) -> Any:
        opened.append(KafkaAdminClient.DEFAULT_CONFIG["kafka_client"](**network_settings))
        return opened[-1]

    overheard = _Overheard()
    with overheard:
        try:
            return kind(**settings, kafka_client=open_network)
        except KafkaError as error:
            for network in opened:
                network.close()
            protocol = settings.get("security_protocol", "PLAINTEXT")
            raise BrokerError(
                f"Kafka broker {broker} takes no connection by {protocol}: {overheard.error or error};"
                " check that it is a broker, that it works, and the security options"
            ) from error


class _Overheard(logging.Handler):
    """Catches why a client cannot connect: it logs the reason, and raises no more than that time is up."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.error: KafkaError | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for part in record.args or ():
            # One that lasts says more than one that passes: after a wrong password the broker hangs up.
            if isinstance(part, KafkaError) and (
                self.error is None or isinstance(self.error, RetriableError)
            ):
                self.error = part

    def __enter__(self) -> None:
        _connections.addHandler(self)
        _connections.setLevel(logging.WARNING)
        _connections.propagate = False

    def __exit__(self, *_: object) -> None:
        _connections.removeHandler(self)
        _connections.setLevel(logging.NOTSET)
        _connections.propagate = True
