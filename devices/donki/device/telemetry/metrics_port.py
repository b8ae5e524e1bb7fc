"""The ports at which Prometheus finds the metrics of a server: devices that name the same one share it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar, cast

from donki.errors import InputError
from donki.host_port import format_host_port, parse_host_port

if TYPE_CHECKING:
    from donki.device.telemetry.families import Families

    F = TypeVar("F", bound=Families)

EVERYWHERE = "0.0.0.0"  # noqa: S104 - as the Tango server itself, unless a host is named

_lock = threading.Lock()
_ports: dict[tuple[str, int], _Port] = {}


def parse_metrics_port(text: str) -> tuple[str, int] | None:
    """Return host and port of the property MetricsPort, ``PORT`` or ``HOST:PORT``; None where it is empty.

    Raises
    ------
    InputError
        when it is neither, or the package that is needed is not installed
    """
    if not text.strip():
        return None
    address = parse_host_port(text) or parse_host_port(f"{EVERYWHERE}:{text.strip()}")
    if address is None:
        raise InputError(f"PORT or HOST:PORT is expected, a port from 1 to 65535; got {text!r:.80}")
    if find_spec("prometheus_client") is None:
        raise InputError(
            "the package prometheus-client is not installed: pip install 'donkiorchestra[metrics]'"
        )
    return address


@contextmanager
def shared(address: tuple[str, int], kind: type[F], device: str) -> Iterator[F]:
    """Give metrics at a port while this block lasts; the first device opens it, and the last one closes it.

    Parameters
    ----------
    address
        host and port
    kind
        of the metrics
    device
        the name of the device whose metrics they are; they are forgotten at the end

    Raises
    ------
    InputError
        when the port cannot be opened
    """
    with _lock:
        port = _ports.get(address) or _Port(address)
        _ports[address] = port
        port.devices.append(device)
        metrics = port.families(kind)
    try:
        yield metrics
    finally:
        metrics.forget(device)
        with _lock:
            port.devices.remove(device)
            if not port.devices:
                del _ports[address]
                port.close()


class _Port:
    """One port, the metrics that are found there, and the devices whose they are."""

    def __init__(self, address: tuple[str, int]) -> None:
        from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415 - an extra

        self.devices: list[str] = []
        self._registry = CollectorRegistry()
        self._families: dict[type, Any] = {}
        host, port = address
        try:
            self._server, self._thread = start_http_server(port, host, self._registry)
        except OSError as error:
            raise InputError(
                f"{format_host_port(host, port)} cannot be opened ({error.strerror}); "
                "each server on a host needs a port of its own"
            ) from None

    def families(self, kind: type[F]) -> F:
        """Return the metrics of a kind of device."""
        if kind not in self._families:
            self._families[kind] = kind(self._registry)
        return cast("F", self._families[kind])

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
