"""How many events the Players of an orchestra have sent."""

from __future__ import annotations

from collections.abc import Iterable

from donki_client.api.errors import UnreachableError
from donki_client.api.proxy import Proxy


class EventCounts:
    """How many events Players have sent, from one look to the next.

    Parameters
    ----------
    devices
        the Players
    """

    def __init__(self, devices: Iterable[str] = ()) -> None:
        self._counts = dict.fromkeys(devices, 0)
        self._proxies: dict[str, Proxy] = {}

    def since_last(self) -> int:
        """Return how many events were sent since the last call; of Players that do not answer, none."""
        return sum(self._of(device) for device in self._counts)

    def _of(self, device: str) -> int:
        try:
            proxy = self._proxies.get(device) or Proxy(device)
            count = int(proxy.read("EventsSent")[0])
        except UnreachableError:
            self._proxies.pop(device, None)
            return 0
        self._proxies[device] = proxy
        before, self._counts[device] = self._counts[device], count
        # One that was restarted counts from 0.
        return count - before if count >= before else count
