"""dsconfig enters an orchestra into a Tango database, as docs/how-to/other_tools.rst shows it."""

from __future__ import annotations

import json

import pytest
import tango

from helpers.doc_examples import ROOT, examples
from helpers.support import wait_until
from helpers.tango_world import LIMIT, SERVERS, TangoWorld, is_up, json2tango, proxy_of, soon

PAGE = ROOT / "docs" / "how-to" / "other_tools.rst"
NOTHING_TO_DO, WRITTEN = 0, 2  # json2tango's exit statuses


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with TangoWorld(tmp_path_factory.mktemp("dsconfig")) as world:
        yield world


@pytest.fixture
def configuration(tmp_path):
    """The page's file, but for the folders, which are here."""
    [text] = [example.text for example in examples(PAGE, "json")]
    text = text.replace("/opt/donki/scripts", str(ROOT / "scripts"))
    file = tmp_path / "orchestra.json"
    file.write_text(text.replace("/var/lib/donki/runs", str(tmp_path / "runs")))
    return file


def test_what_dsconfig_enters_plays_and_is_all_there_is(world, configuration):
    status, said = json2tango(world.address, world.folder, "--write", configuration)
    assert (status, "Add 2 servers." in said) == (WRITTEN, True), said

    end_point = ("-ORBendPoint", "giop:tcp:127.0.0.1:")
    servers = json.loads(configuration.read_text())["servers"]
    devices = {}
    for kind, instances in servers.items():
        for instance, classes in instances.items():
            world.run(kind, SERVERS / kind, instance, *end_point)
            [name] = classes[kind]
            devices[kind] = proxy_of(world.address, name)
    director, player = devices["DonkiDirector"], devices["DonkiPlayer"]
    for device in devices.values():
        wait_until(f"{device.dev_name()} answers", lambda device=device: is_up(device), LIMIT)
    soon("the Director is ready", lambda: not director.Check())
    director.Start()
    soon("the sequence ends", lambda: director.state() == tango.DevState.ON)
    assert (director.CurrentTrigger, director.Period) == (20, 0.125)
    assert list(director.Players) == ["detector"]
    assert (player.LastTrigger, player.Priority, player.Script) == (20, 2, "just_action.py")

    # The servers have entered nothing of their own, and what somebody writes since is a difference.
    status, said = json2tango(world.address, world.folder, configuration)
    assert (status, "No changes needed" in said) == (NOTHING_TO_DO, True), said
    player.Priority = 7
    status, said = json2tango(world.address, world.folder, "--write", configuration)
    assert (status, "change 1 device attribute properties" in said) == (WRITTEN, True), said
    database = tango.Database(world.address.host, world.address.port)
    stored = database.get_device_attribute_property(player.dev_name(), "Priority")
    assert list(stored["Priority"]["__value"]) == ["2"]
