"""Fixtures for tests of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from brokers import BROKERS, Broker, new_broker


@pytest.fixture(scope="session", params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each of the brokers, shared by all tests: use topics and groups of your own, and leave it running."""
    with new_broker(request.param) as running:
        yield running


@pytest.fixture(params=BROKERS)
def own_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each of the brokers, for one test that may stop, kill or fill it."""
    with new_broker(request.param) as running:
        yield running
