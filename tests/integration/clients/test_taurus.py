"""A form of Taurus: it shows as an unsent edit only what is one."""

from __future__ import annotations

import pytest

from helpers.orchestra import an_orchestra
from helpers.qt import offscreen_application
from helpers.support import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:This function will be removed in future versions of pint")

#: By device and attribute: what another client writes, and then somebody types.
NUMBERS = {
    "director": {
        "Triggers": (200_000, "5000000000"),
        "StepTriggers": (123_456, "2"),
        "Period": (1 / 14, "0.000000001"),
        "RunSeed": (2**32 - 1, "1234567890123456789"),
    },
    "player": {
        "Priority": (2**31 - 1, "-1"),
        "Timeout": (1 / 3, "86400"),
        "Retries": (1_000_000, "0"),
    },
}


@pytest.fixture(scope="module")
def app():
    return offscreen_application()


@pytest.fixture(scope="module")
def devices(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("taurus"), "taurus", "p") as orchestra:
        yield {"director": orchestra.director, "player": orchestra.players["p"]}


@pytest.fixture(params=NUMBERS)
def form(app, facility, devices, request):
    """A form of a device's numbers, opened after another client wrote them, and what is to be typed in it."""
    from taurus.qt.qtgui.panel import TaurusForm

    device, numbers = devices[request.param], NUMBERS[request.param]
    for name, (value, _) in numbers.items():
        device.write_attribute(name, value)
    form = TaurusForm()
    full_name = f"tango://{facility.database.tango_host}/{device.dev_name()}"
    form.setModel([f"{full_name}/{name}" for name in numbers])
    form.show()
    shown = zip(numbers.items(), form, strict=True)
    yield [(device, name, value.writeWidget(), typed) for (name, (_, typed)), value in shown]
    form.setModel([])
    form.close()
    form.deleteLater()
    app.processEvents()


def test_numbers_are_shown_as_sent_whoever_sends_them(app, form):
    from PySide6.QtTest import QTest

    def sees(what, is_so):
        def looked():
            app.processEvents()
            return is_so()

        wait_until(what, looked)

    for device, name, edit, typed in form:
        sees(f"{name} is shown", lambda edit=edit: edit.text() not in ("", "None"))
        assert float(edit.text()) == device.read_attribute(name).value
        assert not edit.hasPendingOperations(), f"{name} {edit.text()}"
        edit.selectAll()
        QTest.keyClicks(edit, typed)
        sees(f"{name} is an edit", edit.hasPendingOperations)
        edit.writeValue()
        sees(f"{name} was sent", lambda edit=edit: not edit.hasPendingOperations())
        value = device.read_attribute(name).value
        assert value == type(value)(typed)
