"""Where Prometheus finds the metrics of both devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from tango.server import device_property

from donki.device.base import DonkiDevice
from donki.device.telemetry.metrics_port import parse_metrics_port, shared
from donki.errors import InputError

if TYPE_CHECKING:
    from donki.device.telemetry.families import Families

    F = TypeVar("F", bound=Families)


class MetricsProperty(DonkiDevice):
    """The property of the port, and what follows from it."""

    MetricsPort = device_property(
        dtype=str,
        default_value="",
        doc="Where Prometheus finds the metrics: a TCP port, on all addresses of the host, or HOST:PORT; "
        "the devices of a server may share it. Empty: nowhere.",
    )

    rules: ClassVar[Mapping[str, Callable[[Any], object]]] = {"MetricsPort": parse_metrics_port}

    def open_metrics(self, kind: type[F]) -> F | None:
        """Return the metrics of this device until it is closed; None where the port cannot be opened."""
        name = self.get_name()
        address = parse_metrics_port(self.MetricsPort)
        try:
            return self._closing.enter_context(shared(address, kind, name)) if address else None
        except InputError as error:
            self.refuse_property("MetricsPort", error)
            return None
