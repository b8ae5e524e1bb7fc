"""What the integration tests of the devices share: one Tango database."""

from __future__ import annotations

import pytest

from donki.limits import OnError
from donki_client.facility.local import LocalFacility
from helpers.orchestra import an_orchestra


@pytest.fixture(scope="session")
def facility(tmp_path_factory):
    with LocalFacility(tmp_path_factory.mktemp("facility")) as facility:
        facility.start_database()
        yield facility


@pytest.fixture(scope="session")
def the_trio(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("trio"), "trio", "x", "y", "z") as orchestra:
        yield orchestra


@pytest.fixture
def trio(the_trio):
    """A Director and three Players: x and y act in parallel, z after them; all as new, for four triggers."""
    for name, child in the_trio.children.items():
        if not child.is_alive:
            the_trio.restart(name)
    the_trio.reset()
    for player in the_trio.players.values():
        player.OnError = OnError.ABORT
        player.Retries = 0
    the_trio.players["z"].Priority = 1
    the_trio.director.Triggers = 4
    the_trio.refresh()
    return the_trio
