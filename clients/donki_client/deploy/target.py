"""What an orchestra can be deployed to: the kinds, by name. A plugin may register more."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from donki.errors import InputError
from donki.registry import Registry
from donki_client.address import Address
from donki_client.deploy.deployment import Deployment, Layout
from donki_client.deploy.tree import Tree


@dataclass(frozen=True)
class Settings:
    """What the command line says of a target.

    Attributes
    ----------
    output
        the folder that files go to
    database
        where the Tango database answers, or will
    image
        the name of the container image of the servers
    """

    output: Path | None = None
    database: Address | None = None
    image: str = "donkiorchestra"


class Plan(Protocol):
    """What is to be done, compared with what is there."""

    @property
    def diff(self) -> str:
        """What would change, as a unified diff; empty if nothing."""

    @property
    def summary(self) -> str:
        """What was changed, in lines, when it has been applied."""

    @property
    def notes(self) -> Sequence[str]:
        """What whoever deploys it should know, a line each."""

    def apply(self) -> None:
        """Change it."""


class Target(ABC):
    """Something that an orchestra can be deployed to.

    Attributes
    ----------
    name
        how it is chosen
    does
        what is written, in a few words
    broker
        the Kafka broker where neither the scenario nor the command line names one
    has_database
        whether it brings a Tango database along, which is then that of all servers
    """

    name: ClassVar[str]
    does: ClassVar[str]
    broker: ClassVar[str] = "localhost:9092"
    has_database: ClassVar[bool] = False

    def layout(self, name: str) -> Layout:  # noqa: ARG002 - some have it under their name
        """Return where the things of a deployment of that name are on the hosts by default."""
        return Layout()

    @abstractmethod
    def plan(self, deployment: Deployment, settings: Settings) -> Plan:
        """Compare a deployment with what is there; change nothing.

        Raises
        ------
        DonkiError
            when it cannot be deployed so; names what prevents it
        """


class FileTarget(Target):
    """A target that is files in a folder."""

    @abstractmethod
    def files(self, deployment: Deployment, settings: Settings) -> Mapping[str, bytes]:
        """Return the content of the files by their paths in the folder."""

    def notes(self, deployment: Deployment) -> list[str]:  # noqa: ARG002 - most have nothing to say
        """Return what whoever deploys it should know, a line each."""
        return []

    def plan(self, deployment: Deployment, settings: Settings) -> Plan:
        """Compare the files with those in the folder."""
        if settings.output is None:
            raise InputError(f"--to {self.name} writes several files; say where: --output DIR")
        what = {"written for": self.name, "scenario": deployment.source}
        return Tree(settings.output, what, self.files(deployment, settings), self.notes(deployment))


TARGETS: Registry[Target] = Registry("target")
"""The targets, by name."""


def register(target: Target) -> None:
    """Make a target known.

    Raises
    ------
    ValueError
        when another one has its name
    """
    TARGETS.add(target.name, target)


def find_target(name: str) -> Target:
    """Return the target of that name.

    Raises
    ------
    InputError
        when there is none
    """
    target = TARGETS.find(name)
    if target is None:
        raise InputError(f"a target is {', '.join(TARGETS)}; got {name!r}")
    return target


def header(deployment: Deployment, comment: str = "#") -> str:
    """Return the first line of a file that is written."""
    return f"{comment} Written by donki deploy from {deployment.source}: change that instead.\n"
