"""Fixtures for tests of every kind."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from brokers import BROKERS, Broker, new_broker
from support import Missing

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what kafka-python 3.0.12 leaves to the garbage collector: sockets that found no broker."""
    unconnected = r"unclosed <socket\.socket .*laddr=\('0\.0\.0\.0', \d+\)>"
    config.addinivalue_line("filterwarnings", f"ignore:{unconnected}:ResourceWarning")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let all tests that miss the same thing appear as skipped at the same place, so in one line."""
    report = yield
    if call.excinfo and isinstance(call.excinfo.value, Missing):
        where = call.excinfo.traceback[-1]
        report.longrepr = (str(where.path), where.lineno + 1, str(call.excinfo.value))
    return report


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
