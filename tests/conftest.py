"""Fixtures for tests of every kind."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from helpers.brokers import BROKERS, Broker, new_broker
from helpers.support import Missing

# How long an example takes is the machine's affair. A test run tries the same examples everywhere;
# --hypothesis-profile=random draws others at each run, DONKI_CASES=1000 more of them.
EXAMPLES = int(os.environ.get("DONKI_CASES", "40"))
settings.register_profile("same", deadline=None, max_examples=EXAMPLES, derandomize=True)
settings.register_profile("random", deadline=None, max_examples=EXAMPLES)
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """Give the programs under test the signals of a terminal, and let pass what kafka-python leaves open."""
    # Hundreds of processes import the same modules, and each process of pytest-xdist all tests: they are
    # compiled once, whatever the images of containers have set.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # nohup, shells in the background and some CI runners ignore SIGINT, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # kafka-python 3.0.12 leaves sockets that found no broker to the garbage collector.
    unconnected = r"unclosed <socket\.socket .*laddr=\('0\.0\.0\.0', \d+\)>"
    config.addinivalue_line("filterwarnings", f"ignore:{unconnected}:ResourceWarning")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes share the tests: two a core, as many tests wait; none for one file."""
    files = {argument.partition("::")[0] for argument in config.args}
    if len(files) == 1 and files.pop().endswith(".py"):
        return 0
    return 2 * len(os.sched_getaffinity(0))


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


@pytest.fixture(autouse=True)
def fresh_logging() -> None:
    """Let each test log as a new process does, whatever a library made of Python's logging before."""
    logging.disable(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)
    for logger in logging.getLogger().manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
