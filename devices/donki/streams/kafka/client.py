"""What every Kafka client needs: the security settings, and why one cannot connect."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, RetriableError

from donki.errors import BrokerError, InputError
from donki.streams.kafka.brokers import PROTOCOLS

# On debug level the client logs its configuration, passwords and all; and what goes wrong is raised anyway.
logging.getLogger("kafka").setLevel(logging.CRITICAL)
_connections = logging.getLogger("kafka.net.manager")

Client = TypeVar("Client")

_SECURITY = ("security_protocol", "ssl_", "sasl_")
_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")


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
    if protocol not in PROTOCOLS:
        raise InputError(
            f"the Kafka option security_protocol is one of {', '.join(PROTOCOLS)}; got {protocol!r}"
        )
    for name in _FILES:
        path = options.get(name)
        if path is not None and not (isinstance(path, str) and Path(path).is_file()):
            raise InputError(f"the file that the Kafka option {name} names is not there: {path}")
    return dict(options)


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
