"""The model of the panel: a Director and its Players, heard of by events alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import tango
from PySide6.QtCore import QObject, QTimer, Signal

from donki.threads import Threads
from donki_client.api.director import Director
from donki_client.panel.model.attribute_event import AttributeEvent, Inbox, settled
from donki_client.panel.model.link import Link
from donki_client.panel.model.panel_state import DIRECTOR_ATTRIBUTES, PLAYER_ATTRIBUTES, PanelState
from donki_client.panel.model.requests import Requests

#: AttributeEvent are shown together, at most so often, in ms.
INTERVAL = 100


class Orchestra(QObject):
    """Follows a Director and whoever plays for it.

    Signals
    -------
    changed
        the picture is another one
    heard
        a piece of news, in the order in which they came

    Attributes
    ----------
    director
        to ask it for something
    picture
        what was last heard
    requests
        how something is asked
    """

    changed = Signal()
    heard = Signal(AttributeEvent)

    def __init__(self, director: Director) -> None:
        super().__init__()
        self.director = director
        self.picture = PanelState()
        self.requests = Requests()
        self._inbox = Inbox()
        self._timer = QTimer(self, singleShot=True, interval=INTERVAL)
        self._timer.timeout.connect(self._take)
        self._inbox.filled.connect(self._timer.start)
        # One thread: links are opened and closed in the order in which they were asked for.
        self._threads = Threads()
        self._linking = ThreadPoolExecutor(1, thread_name_prefix="links")
        self._links: dict[str, Link] = {}
        self._ended = False
        self._follow(director.device, DIRECTOR_ATTRIBUTES)

    def full_name(self, device: str) -> str:
        """Return the name by which any program finds a device that the Director names."""
        if "://" in device:
            return device
        return f"{self.director.device.rsplit('/', 3)[0]}/{device}"

    def ask(self, what: str, method: str, *arguments: object) -> None:
        """Call a method of the Director; the answer is a signal of `requests`."""
        self.requests.make(what, lambda: getattr(self.director, method)(*arguments))

    def write(self, what: str, name: str, value: object) -> None:
        """Set a property of the Director; the answer is a signal of `requests`."""
        self.requests.make(what, lambda: setattr(self.director, name, value))

    def end(self) -> None:
        """Follow nobody any more."""
        if self._ended:
            return
        self._ended = True
        self._inbox.filled.disconnect(self._timer.start)
        self._timer.stop()
        for device in list(self._links):
            self._leave(device)
        self._linking.shutdown(wait=True)
        self.requests.end()

    def _take(self) -> None:
        # Qt still delivers what waited in its queue when the inbox was disconnected.
        if self._ended:
            return
        news = settled(self._inbox.take())
        known = {self.full_name(device): device for device in self.picture.devices}
        for item in news:
            if item.device == self.director.device:
                self.picture.hear_director(item.attribute, item.value, item.problem)
            elif item.device in known:
                self.picture.hear_player(known[item.device], item.attribute, item.value, item.problem)
            self.heard.emit(item)
        if any(item.attribute == "PlayerTable" for item in news):
            self._follow_players()
        self.changed.emit()

    def _follow_players(self) -> None:
        # Whoever heard the news may have ended it.
        if self._ended:
            return
        wanted = {self.full_name(device) for device in self.picture.devices}
        for device in set(self._links) - wanted - {self.director.device}:
            self._leave(device)
        for device in wanted - set(self._links):
            self._follow(device, PLAYER_ATTRIBUTES)

    def _follow(self, device: str, attributes: tuple[str, ...]) -> None:
        link = Link(device, attributes, self._inbox)
        self._links[device] = link
        self._linking.submit(self._link, link.open)

    def _leave(self, device: str) -> None:
        self._linking.submit(self._link, self._links.pop(device).close)

    def _link(self, step: Callable[[], None]) -> None:
        with self._threads.guard("links"), tango.EnsureOmniThread():
            step()
