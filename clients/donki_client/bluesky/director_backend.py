"""An attribute of the Director as a signal of ophyd-async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ophyd_async.core import NotConnectedError, SignalDatatypeT, SoftSignalBackend

from donki.errors import DonkiError
from donki_client.api.async_director import AsyncDirector
from donki_client.api.director import Director

#: How often a signal that somebody is subscribed to is read, in s.
POLL = 0.2


class DirectorBackend(SoftSignalBackend[SignalDatatypeT]):
    """A signal that is read from the Director, and written to it, each time.

    Parameters
    ----------
    director
        the Director
    attribute
        its name, for the documents
    datatype
        of its value
    read, write
        how; by default it is not written
    units
        of its value
    """

    def __init__(
        self,
        director: AsyncDirector,
        attribute: str,
        datatype: type[SignalDatatypeT],
        read: Callable[[Director], SignalDatatypeT],
        write: Callable[[Director, SignalDatatypeT | None], None] | None = None,
        units: str | None = None,
    ) -> None:
        async def getter() -> SignalDatatypeT:
            return await director.ask(read)

        async def setter(value: SignalDatatypeT | None) -> SignalDatatypeT | None:
            if write:
                await director.ask(lambda device: write(device, value))
            return value

        self._director = director
        self._attribute = attribute
        super().__init__(datatype, units=units, getter=getter, setter=setter, poll_period=POLL)

    def source(self, name: str, read: bool) -> str:  # noqa: ARG002
        """Return where the value comes from."""
        return f"{self._director.device}/{self._attribute}"

    async def connect(self, timeout: float) -> None:
        """Find the Director."""
        try:
            await asyncio.wait_for(self.get_value(), timeout)
        except (DonkiError, TimeoutError) as error:
            raise NotConnectedError(str(error) or f"{self._director.device} did not answer") from error
