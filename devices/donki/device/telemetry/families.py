"""What the metrics of both devices have in common; needs the package prometheus-client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

#: The label of every metric: the name of the Tango device.
DEVICE = "device"

#: The upper limits of the classes of a histogram of times, in s.
SECONDS = tuple(float(f"{digit}e{power}") for power in range(-4, 2) for digit in (1, 2, 5))


class Read(NamedTuple):
    """A metric of what a device counts anyway: read when somebody asks, so that it costs nothing else.

    Attributes
    ----------
    kind
        of the metric
    name
        of the metric; that of a counter gets ``_total``
    words
        what it is
    read
        returns the value, of what `Families.read_from` was given
    """

    kind: type[CounterMetricFamily | GaugeMetricFamily]
    name: str
    words: str
    read: Callable[[Any], float]


class Families(Collector):
    """The metrics of one kind of device at one port, where each device has its own by its name.

    Parameters
    ----------
    registry
        of the port
    """

    #: Those that are read.
    READ: tuple[Read, ...] = ()

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._noted: list[Counter | Histogram] = []
        self._sources: dict[str, Any] = {}
        registry.register(self)

    def counter(self, name: str, words: str, *labels: str) -> Counter:
        """Return a counter that is noted; its name gets ``_total``."""
        counter = Counter(name, words, (DEVICE, *labels), registry=self._registry)
        self._noted.append(counter)
        return counter

    def histogram(self, name: str, words: str, *labels: str) -> Histogram:
        """Return a histogram of times in s."""
        histogram = Histogram(name, words, (DEVICE, *labels), registry=self._registry, buckets=SECONDS)
        self._noted.append(histogram)
        return histogram

    def read_from(self, device: str, source: object) -> None:
        """Read those in `READ` of a device from something."""
        self._sources = {**self._sources, device: source}

    def forget(self, device: str) -> None:
        """Tell nothing more of a device."""
        self._sources = {name: source for name, source in self._sources.items() if name != device}
        for metric in self._noted:
            metric.remove_by_labels({DEVICE: device})

    def collect(self) -> Iterator[Metric]:
        """Return those in `READ`, each of all devices."""
        sources = self._sources
        for read in self.READ:
            metric = read.kind(read.name, read.words, labels=(DEVICE,))
            for device, source in sources.items():
                metric.add_metric((device,), read.read(source))
            yield metric
