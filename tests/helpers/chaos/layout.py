"""Who plays where in all rounds: Players in one server, in a section, on hosts."""

from __future__ import annotations

from dataclasses import dataclass

#: The Players of a plan.
NAMES = ("a", "b", "c")

#: A Director that is a Player, too.
SECTION = "s"

DIRECTOR = "director"
PREFIX = "chaos"


def player_name(name: str) -> str:
    """Return the device's short name of a Player of the plan."""
    return f"{PREFIX}-{name}"


def topic(name: str) -> str:
    """Return the Kafka topic of a Player of the plan."""
    return f"chaos-{name}"


@dataclass(frozen=True)
class Layout:
    """Where the Players are; by default each in a server of its own, on this machine.

    Attributes
    ----------
    together
        the names of those that share a server: what befalls one then befalls the others
    section
        the names of those that play in a section
    on_hosts
        whether each server but the Director's is on a host of its own
    """

    together: str = ""
    section: str = ""
    on_hosts: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all Players, with that of the section."""
        return (*NAMES, *(SECTION if self.section else ""))

    @property
    def conductors(self) -> tuple[str, ...]:
        """The names of those that send triggers; the Director is the first."""
        return (DIRECTOR, *(SECTION if self.section else ""))

    def players_of(self, conductor: str) -> tuple[str, ...]:
        """Return the names of the Players of the Director or the section."""
        is_below = conductor == SECTION
        return tuple(name for name in self.names if (name in self.section) is is_below)

    @property
    def hosts(self) -> list[str]:
        """The names of the hosts, one for each server but the Director's."""
        return sorted({self.host_of(name) for name in self.names}) if self.on_hosts else []

    def host_of(self, name: str) -> str:
        """Return the host of a server."""
        return f"{PREFIX}-on-{self.sharing(name)[0]}"

    def sharing(self, name: str) -> tuple[str, ...]:
        """Return the names of the Players in the server of one, or what has its process to itself."""
        return tuple(self.together) if name in self.together else (name,)


#: Each Player in a server of its own, on this machine.
APART = Layout()
