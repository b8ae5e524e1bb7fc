"""The documents of bluesky runs."""

from __future__ import annotations

from typing import Any

from event_model import pack_event_page, unpack_event_page

KINDS = ("event", "event_page")


class Documents:
    """Keeps the documents that a RunEngine emits."""

    def __init__(self) -> None:
        self._all: list[tuple[str, Any]] = []

    def __call__(self, kind: str, document: Any) -> None:
        self._all.append((kind, document))

    def of(self, kind: str) -> list[Any]:
        return [document for name, document in self._all if name == kind]

    def events(self, stream: str) -> list[dict[str, Any]]:
        """Return the data of a stream's events, those in pages too, as they came."""
        own = {each["uid"] for each in self.of("descriptor") if each["name"] == stream}
        pages = (
            each if kind == "event_page" else pack_event_page(each)
            for kind, each in self._all
            if kind in KINDS
        )
        return [
            event["data"] for page in pages if page["descriptor"] in own for event in unpack_event_page(page)
        ]
