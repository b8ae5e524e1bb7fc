"""What a stage is set up on: a broker, or a world of hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.brokers import EmbeddedBroker, new_broker
from helpers.chaos.host_stage import HostStage
from helpers.chaos.layout import Layout
from helpers.chaos.stage import Stage
from helpers.host_world import HostWorld


@contextmanager
def a_stage(folder: Path, layout: Layout, broker_kind: str = EmbeddedBroker.kind) -> Iterator[Stage]:
    """Give a stage of a layout, not entered yet, with a broker of a kind; on hosts, it is in memory."""
    if layout.on_hosts:
        (folder / "world").mkdir()
        with HostWorld(folder / "world", *layout.hosts) as world:
            yield HostStage(folder, world, layout)
    else:
        with new_broker(broker_kind) as broker:
            yield Stage(folder, broker, layout)
