"""A server that is starting and will say where it listens."""

from __future__ import annotations

from dataclasses import dataclass

from donki_client.address import Address
from donki_client.facility.processes import Child

START_LIMIT = 20.0  # s


@dataclass(frozen=True)
class Starting:
    """A server on its way.

    Attributes
    ----------
    child
        its process
    pattern
        a regular expression for the line that says that it listens, with the groups host and port
    """

    child: Child
    pattern: str

    def wait(self) -> Address:
        """Wait until it listens, and return where.

        Raises
        ------
        DonkiError
            when it ends, or does not listen within 20 s; shows the end of its output
        """
        match = self.child.wait_for(self.pattern, START_LIMIT)
        return Address(match[1], int(match[2]))
