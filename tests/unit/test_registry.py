"""What others register: found by name, also by the entry points of their packages; a name has one owner."""

import logging
import threading
from types import SimpleNamespace

import pytest

from donki import registry
from donki.player.player import Player
from donki.player.script.script import Script
from donki.player.trigger import Trigger
from donki.registry import Registry
from donki.streams.schemas import SCHEMAS, SeriesStream, register
from donki.streams.schemas import registry as schemas


@pytest.fixture
def plugins(monkeypatch):
    """Have these modules named by entry points, and not looked for yet."""
    loads = []
    named = [
        SimpleNamespace(name=f"p{number}", value=f"m{number}", load=lambda n=number: loads[n]())
        for number in (0, 1)
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: named)
    monkeypatch.setattr(registry, "_begun", False)
    monkeypatch.setattr(registry, "_done", threading.Event())
    return loads


@pytest.mark.parametrize("error", [ZeroDivisionError("oh"), SystemExit("oh")])
def test_plugins_are_loaded_when_a_name_is_not_known_and_one_that_fails_is_logged(plugins, caplog, error):
    def failing():
        raise error

    animals = Registry("animal")
    animals.add("cat", "Tom")
    loaded = []
    plugins += [failing, lambda: loaded.append(animals.add("dog", "Spike"))]
    assert animals.find("cat")
    assert loaded == []
    with caplog.at_level(logging.ERROR):
        assert animals.find("dog") == "Spike"
    assert "the plugin p0 (m0) cannot be loaded" in caplog.text
    assert f"{type(error).__name__}: oh" in caplog.text
    assert (animals.find("cow"), list(animals), len(loaded)) == (None, ["cat", "dog"], 1)


def test_a_thread_that_asks_while_plugins_are_loaded_waits_for_them(plugins):
    animals, begun, go_on, found = Registry("animal"), threading.Event(), threading.Event(), []

    def slow():
        begun.set()
        assert animals.find("cow") is None  # the thread itself does not wait
        assert go_on.wait(10)
        animals.add("dog", "Spike")

    plugins += [slow, lambda: None]
    threads = [threading.Thread(target=lambda: found.append(animals.find("dog"))) for _ in range(2)]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    threads[1].join(0.05)
    assert found == []
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert found == ["Spike", "Spike"]


@pytest.fixture
def kept(monkeypatch):
    """Have the schemas as they were when the test has ended."""
    monkeypatch.setattr(SCHEMAS, "_known", dict(SCHEMAS._known))
    monkeypatch.setattr(SCHEMAS, "_homes", dict(SCHEMAS._homes))
    monkeypatch.setattr(schemas, "_METHODS", dict(schemas._METHODS))


@pytest.mark.usefixtures("kept")
def test_a_module_beside_a_script_registers_again_whenever_the_script_is_loaded(tmp_path):
    module = tmp_path / "toy.py"
    text = """
from donki.streams.schemas import SeriesStream, register

class Toy(SeriesStream):
    schema, method = "toy0", "toy"

register(Toy)
"""
    script = tmp_path / "script.py"
    script.write_text(
        "import toy\ndef action(trigger, player):\n    return {'is_own': player.toy.args == (toy.Toy,)}\n"
    )
    for method in ("toy", "toy", "renamed"):
        module.write_text(text.replace('"toy"', f'"{method}"'))
        script.write_text(script.read_text().replace("player.toy", f"player.{method}"))
        assert Script(script, Player("p"), tmp_path).action(Trigger(1, 0)) == {"is_own": True}
    with pytest.raises(AttributeError):
        Player("p").toy  # noqa: B018


@pytest.mark.usefixtures("kept")
def test_a_name_has_one_owner_whose_module_may_be_loaded_again():
    class Stream(SeriesStream):
        schema, method = "tst0", "tested"

    register(Stream)
    first = Stream

    class Stream(SeriesStream):
        schema, method = "tst0", "tested"

    Stream.__qualname__ = first.__qualname__
    register(Stream)
    assert SCHEMAS.find("tst0") is Stream
    assert Player("p").tested.args == (Stream,)

    class Other(SeriesStream):
        schema, method = "tst0", "tested"

    with pytest.raises(ValueError, match=r"the message schema tst0 of .*Other is that of .*Stream already"):
        register(Other)

    class Third(SeriesStream):
        schema, method = "tst1", "series"

    with pytest.raises(ValueError, match=r"player.series opens f144; tst1 needs another method"):
        register(Third)


def test_a_method_that_no_schema_has_is_named_with_those_that_there_are():
    with pytest.raises(AttributeError, match=r"a player has no evnts; what opens a stream is events, series"):
        Player("p").evnts  # noqa: B018
