"""The panel without a display, on real devices: its buttons clicked, its devices killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from donki.limits import OnError
from donki_client.address import Address
from donki_client.api.director import Director
from donki_client.facility.database import start_database
from donki_client.facility.local import LocalFacility
from donki_client.facility.processes import Processes
from helpers.orchestra import an_orchestra
from helpers.qt import offscreen_application
from helpers.support import free_port, took, wait_until

pytestmark = [
    pytest.mark.filterwarnings("ignore:This function will be removed in future versions of pint"),
    pytest.mark.timeout(180),
]

#: A device that ended without a word is missed by Tango after at most 10 s; it is found again as late.
HEARTBEAT = 25.0


@pytest.fixture(scope="module")
def app():
    return offscreen_application()


class Database:
    """A Tango database of one's own, to be killed."""

    def __init__(self, folder, processes):
        self._folder, self._processes = folder, processes
        self.address = Address("127.0.0.1", free_port())
        self.start()

    def start(self):
        starting = start_database(self._processes, self._folder, self.address)
        self.child = starting.child
        starting.wait()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("database")
    with Processes(folder) as processes:
        yield Database(folder, processes)


@pytest.fixture(scope="module")
def the_orchestra(app, database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel")
    with LocalFacility(folder) as facility:
        facility.use_database(database.address)
        with an_orchestra(facility, folder, "pan", "a", "b") as orchestra:
            yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    for name in ("director", "a", "b"):
        if not the_orchestra.children[name].is_alive:
            the_orchestra.restart(name)
    the_orchestra.reset()
    for name, player in the_orchestra.players.items():
        player.OnError = OnError.ABORT
        the_orchestra.set(name, sleep=0.02, values={"playerlog": f"{name} is well"})
    return the_orchestra


class Panel:
    """The window, looked at and used as a person would."""

    def __init__(self, app, orchestra):
        from donki_client.panel.model.orchestra import Orchestra
        from donki_client.panel.window import Window

        self.app = app
        director = Director(f"donki/director/{orchestra.prefix}", orchestra.facility.database)
        self.window = Window(Orchestra(director))
        self.window.show()
        self.longest_turn = 0.0

    def sees(self, what, is_so, limit=10.0):
        def looked():
            began = time.monotonic()
            self.app.processEvents()
            self.longest_turn = max(self.longest_turn, took(began))
            return is_so()

        wait_until(what, looked, limit)

    def sees_state(self, state, limit=10.0):
        self.sees(f"the panel shows {state}", lambda: self.window.state.text() == state, limit)

    def click(self, label):
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        button = self.window.controls.buttons[label]
        self.sees(f"{label} can be clicked", button.isEnabled)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def type(self, field, text):
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        field.selectAll()
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)

    def enabled(self):
        return {label for label, button in self.window.controls.buttons.items() if button.isEnabled()}

    def cells(self, column):
        model = self.window.table.players
        return [model.data(model.index(row, column)) for row in range(model.rowCount())]


@pytest.fixture
def panel(app, orchestra, monkeypatch):
    raised = []
    # Qt goes on after an exception in a slot, and so would a test.
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: raised.append(error))
    panel = Panel(app, orchestra)
    panel.sees_state("ON")
    panel.sees("both Players", lambda: panel.cells(0) == ["pan-a", "pan-b"])
    yield panel
    panel.window.close()
    app.processEvents()
    assert raised == []


def test_a_sequence_is_played_by_clicks(panel, orchestra):
    assert panel.enabled() == {"Start", "Recover"}
    controls = panel.window.controls
    panel.type(controls.triggers, "-1")
    panel.type(controls.period, "0.05")
    panel.type(controls.title, "ice")
    panel.sees("the Director's new values", lambda: controls.triggers.text() == "-1" != controls.title.text())
    wait_until("the Director has them", lambda: orchestra.director.RunTitle == "ice")
    assert (orchestra.director.Triggers, orchestra.director.Period) == (-1, 0.05)
    panel.click("Start")
    panel.sees_state("RUNNING")
    assert panel.enabled() == {"Pause", "Stop", "Abort"}
    panel.sees("a line of a Player's log", lambda: "a is well" in panel.window.log.text.toPlainText())
    panel.sees("times of triggers", lambda: len(panel.window.plots.durations["donki/player/pan-a"].times) > 3)
    panel.click("Pause")
    panel.sees_state("STANDBY")
    assert panel.enabled() == {"Resume", "Step", "Stop", "Abort"}
    before = orchestra.director.CurrentTrigger
    panel.click("Step")
    panel.sees("one more trigger", lambda: f"trigger {before + 1}," in controls.detail.text() + ",")
    panel.sees_state("STANDBY")
    panel.click("Resume")
    panel.sees_state("RUNNING")
    panel.click("Stop")
    panel.sees_state("ON")
    assert panel.cells(4)[0] != "–"
    assert panel.longest_turn < 1


def test_a_wrong_value_is_answered_and_taken_back(panel, orchestra):
    controls, answer = panel.window.controls, panel.window.answer
    before = controls.triggers.text()
    panel.type(controls.triggers, "many")
    panel.sees("why not", lambda: "a whole number is expected; got 'many'" in answer.text())
    assert answer.isVisible()
    panel.type(controls.triggers, "0")
    panel.sees(
        "the Director's own answer", lambda: answer.text().startswith("Triggers: ") and "0" in answer.text()
    )
    assert controls.triggers.text() == before
    panel.type(controls.triggers, "7")
    panel.sees("the value", lambda: controls.triggers.text() == "7")
    panel.sees("no answer any more", lambda: not answer.isVisible())
    assert orchestra.director.Triggers == 7


def test_a_priority_is_edited_in_the_table(panel, orchestra):
    model = panel.window.table.players
    model.setData(model.index(1, 1), "3")
    panel.sees("the priority", lambda: panel.cells(1) == ["0", "3"])
    assert orchestra.players["b"].Priority == 3
    model.setData(model.index(1, 1), "-7")
    panel.sees("why not", lambda: "-7" in panel.window.answer.text())
    assert panel.cells(1) == ["0", "3"]


def test_the_curves_of_the_selected_players_are_shown_alone(panel, orchestra):
    def shown():
        return [all(curve.isVisible() for curve in curves) for curves in panel.window.plots._curves.values()]

    panel.sees("both curves", lambda: shown() == [True, True])
    panel.window.table.selectRow(1)
    assert shown() == [False, True]
    panel.window.table.clearSelection()
    assert shown() == [True, True]


def test_a_failed_action_is_shown_and_reset(panel, orchestra):
    orchestra.set("b", fail_at=2)
    orchestra.director.Triggers = 5
    panel.click("Start")
    panel.sees_state("FAULT")
    assert {"Start", "Reset", "Recover"} == panel.enabled()
    assert "the detector of pan-b is on fire" in panel.window.status.text()
    lines = panel.window.log.text.toPlainText().splitlines()
    assert len([line for line in lines if "Director" in line and "is on fire" in line]) == 1
    assert [line for line in lines if "pan-b" in line and "is on fire" in line]
    panel.window.log.everything.click()
    important = panel.window.log.text.toPlainText()
    assert "a is well" not in important
    assert "→ FAULT" in important
    panel.click("Reset")
    panel.sees_state("ON")


def test_a_killed_player_is_shown_within_seconds_and_again_when_it_is_back(panel, orchestra):
    os.kill(orchestra.children["b"].pid, signal.SIGKILL)
    panel.sees("pan-b is gone", lambda: panel.cells(2)[1].startswith("UNKNOWN"), 5)
    assert panel.cells(2)[0] == "ON"
    orchestra.restart("b")
    panel.sees("pan-b is back", lambda: panel.cells(2) == ["ON", "ON"], 5)


def test_a_killed_director_is_shown_and_again_when_it_is_back(panel, orchestra):
    os.kill(orchestra.children["director"].pid, signal.SIGKILL)
    panel.click("Start")
    panel.sees("the answer to a click", lambda: "does not answer" in panel.window.answer.text(), 5)
    panel.sees_state("UNKNOWN", HEARTBEAT)
    assert panel.enabled() == set()
    assert "does not answer" in panel.window.status.text()
    orchestra.restart("director")
    panel.sees_state("ON", HEARTBEAT)
    panel.sees("both Players", lambda: panel.cells(2) == ["ON", "ON"], HEARTBEAT)
    assert panel.longest_turn < 1


def test_all_attributes_of_a_device_are_shown_in_a_plain_form(panel, orchestra):
    from PySide6.QtWidgets import QLabel

    entries = {action.text(): action for action in panel.window.menuBar().actions()[0].menu().actions()}
    assert set(entries) == {"donki/director/pan", "donki/player/pan-a", "donki/player/pan-b"}
    entries["donki/director/pan"].trigger()
    (form,) = panel.window._forms._open.values()
    assert form.isVisible()
    orchestra.director.Triggers = 4321
    panel.sees(
        "a value", lambda: any(label.text() == "4321" for label in form.findChildren(QLabel)), HEARTBEAT
    )


@pytest.fixture
def killed_database(panel, orchestra, database):
    """Kill the database while an endless sequence runs, which it needs no more."""
    orchestra.director.Triggers = -1
    panel.click("Start")
    panel.sees_state("RUNNING")
    database.child.kill()
    yield
    database.start()


@pytest.mark.usefixtures("killed_database")
def test_the_panel_goes_on_without_the_database(panel, orchestra):
    before = orchestra.director.CurrentTrigger
    triggers = panel.window.controls.detail
    panel.sees("more triggers", lambda: int(triggers.text().split()[1].strip(",")) > before + 20)
    panel.click("Pause")
    panel.sees_state("STANDBY")
    panel.click("Stop")
    panel.sees_state("ON")
    panel.sees("why nothing can start", lambda: "database" in panel.window.status.text())
    panel.click("Start")
    panel.sees("the same as an answer", lambda: "database" in panel.window.answer.text())
    assert panel.longest_turn < 1


def test_the_picture_of_the_window_has_everything(panel, orchestra, tmp_path):
    orchestra.director.Triggers = 40
    orchestra.director.Period = 0.05
    panel.click("Start")
    panel.sees_state("RUNNING")
    panel.sees("half of it", lambda: panel.window.controls.progress.value() > 500)
    picture = panel.window.grab().toImage()
    assert picture.save(str(tmp_path / "panel.png"))
    colours = {
        picture.pixelColor(x, y).name() for x in range(0, picture.width(), 3) for y in range(picture.height())
    }
    assert {"#0072b2", "#d55e00"} <= colours  # the Players' own
    assert "#80a0ff" in colours  # RUNNING
    for widget in (panel.window.table, panel.window.log, panel.window.plots, panel.window.controls):
        assert widget.isVisible()
        assert widget.height() >= widget.minimumSizeHint().height()


class _NoLink:
    """Takes the place of a link to a device."""

    def __init__(self, device, _attributes, inbox):
        self.device, self.inbox = device, inbox

    def open(self):
        pass

    def close(self):
        pass


@pytest.mark.parametrize("when", ["in the queue", "while it is shown", "after the end"])
def test_an_event_that_arrives_as_the_panel_closes_is_passed_over(app, monkeypatch, when):
    from PySide6.QtTest import QTest

    from donki_client.panel.model import orchestra as model
    from donki_client.panel.model.attribute_event import AttributeEvent

    links, raised = [], []
    monkeypatch.setattr(model, "Link", lambda *given: links.append(_NoLink(*given)) or links[-1])
    monkeypatch.setattr(sys, "excepthook", lambda *raising: raised.append(raising[1]))
    device = "tango://127.0.0.1:1/donki/director/1"
    director = type("Director", (), {"device": device})()
    followed = model.Orchestra(director)
    if when == "while it is shown":
        followed.heard.connect(lambda _news: followed.end())

    def tell():
        links[0].inbox.put(AttributeEvent(device, "PlayerTable", "[]", time.time()))

    if when == "after the end":
        followed.end()
    thread = threading.Thread(target=tell)
    thread.start()
    thread.join()
    if when == "in the queue":
        followed.end()
    QTest.qWait(3 * model.INTERVAL)
    followed.ask("Start", "start")
    assert [link.device for link in links] == [device]
    assert not raised
