"""A Director that is a Player of another one: three levels in two Tango databases, really killed."""

from __future__ import annotations

import json
import os
import signal

import pytest
import tango

from donki.limits import OnError
from donki_client.facility.local import LocalFacility
from helpers.support import refused, wait_until
from helpers.tree import PLAYERS, a_tree


@pytest.fixture(scope="module")
def the_tree(facility, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    with LocalFacility(folder / "below") as below:
        below.start_database()
        with a_tree(facility, below, folder, "tree") as tree:
            yield tree


@pytest.fixture
def tree(the_tree):
    the_tree.reset()
    return the_tree


def test_a_trigger_goes_down_the_tree_with_one_time(tree):
    top = tree["top"]
    top.Period = 0.05
    assert tree.play(3) == "ON"
    times = {player: [note["reference_time"] for note in tree.notes("begin", player)] for player in PLAYERS}
    assert len(set(map(tuple, times.values()))) == 1
    assert len(set(times["p"])) == 3
    assert {note["period"] for note in tree.notes("begin", "c")} == {50_000_000}
    assert {note["attempt"] for player in PLAYERS for note in tree.notes("begin", player)} == {1}


def wait_until_noted(tree, node):
    query = "SELECT ended FROM run ORDER BY key DESC LIMIT 1"
    wait_until(f"the end of {node}'s run is noted", lambda: tree.rows(node, query) != [(None,)])


def done(tree, node, player):
    """The triggers that a Director's journal has as done by a Player in its last run, with the attempt."""
    wait_until_noted(tree, node)
    query = (
        "SELECT trigger, attempt FROM attempt JOIN player ON attempt.player = player.key"
        " WHERE attempt.run = (SELECT MAX(key) FROM run) AND name = ? AND outcome = 'done' ORDER BY 1, 2"
    )
    return tree.rows(node, query, tree.name(player))


def last_run(tree, node):
    wait_until_noted(tree, node)
    fields = "id, title, metadata, seed, triggers, outcome"
    return tree.rows(node, f"SELECT {fields} FROM run ORDER BY key DESC LIMIT 1")[0]


def test_each_journal_has_its_players_and_leads_to_the_others(tree):
    top = tree["top"]
    top.RunTitle, top.RunMetadata, top.RunSeed = "ice", '{"proposal": 7}', 42
    assert tree.play(3) == "ON"
    run_id = top.RunId
    ids = {"top": run_id, "det": f"{run_id}-tree_det", "bank": f"{run_id}-tree_det-tree_bank"}
    for node, below in (("top", ("p", "det")), ("det", ("a", "b", "bank")), ("bank", ("c",))):
        assert last_run(tree, node) == (ids[node], "ice", '{"proposal": 7}', 42, 3, "done")
        for player in below:
            assert done(tree, node, player) == [(1, 1), (2, 1), (3, 1)]
    (parameters,) = tree.rows(
        "top", "SELECT parameters FROM player WHERE name = ? ORDER BY key DESC LIMIT 1", tree.name("det")
    )[0]
    place = json.loads(parameters)["section"]
    assert place["journal"] == str(tree.runs("det") / "journal.sqlite")
    assert place["director"].endswith(tree.servers["det"].device)
    assert [name.rpartition("/")[2] for name in place["below"]] == [tree.name("bank")]
    (remark,) = tree.rows("det", "SELECT text FROM remark ORDER BY rowid DESC LIMIT 1")[0]
    assert tree.servers["top"].device in remark
    assert f"in its run {run_id}, as its Player tree-det" in remark
    seeds = [note["random"] for player in PLAYERS for note in tree.notes("begin", player)]
    tree.notes_file.unlink()
    assert tree.play(3) == "ON"
    assert seeds == [note["random"] for player in PLAYERS for note in tree.notes("begin", player)]


def test_a_failure_names_section_and_player_and_recover_goes_on(tree):
    tree.set("a", fail_at=2, fails_for=1)
    assert tree.play(4) == "FAULT"
    failure = json.loads(tree["top"].LastFailure)
    assert (failure["player"], failure["trigger"], failure["attempt"]) == ("tree-det", 2, 1)
    assert failure["reason"].startswith("its Player tree-a: ")
    assert "on fire" in failure["reason"]
    assert "Player tree-det, trigger 2: its Player tree-a" in tree["top"].Status()
    assert last_run(tree, "det")[-1] == "failed"
    tree["top"].Recover()
    assert tree.ended() == "ON"
    # Who had done trigger 2 has not done it again.
    assert tree.triggers("b") == tree.triggers("c") == tree.triggers("p") == [1, 2, 3, 4]
    assert [(n["trigger"], n["attempt"]) for n in tree.notes("begin", "a")] == [
        (1, 1),
        (2, 1),
        (2, 2),
        (3, 1),
        (4, 1),
    ]
    assert done(tree, "det", "a") == [(1, 1), (2, 2), (3, 1), (4, 1)]
    assert done(tree, "top", "det") == [(1, 1), (2, 2), (3, 1), (4, 1)]


def test_a_retry_asks_only_those_again_that_failed(tree):
    tree["det"].OnError, tree["det"].Retries = OnError.RETRY, 2
    tree.set("a", fail_at=2, fails_for=2)
    assert tree.play(3) == "ON"
    assert tree.triggers("b") == tree.triggers("c") == [1, 2, 3]
    assert [n["attempt"] for n in tree.notes("begin", "a") if n["trigger"] == 2] == [1, 2, 3]
    assert len(tree.notes("setup", "a")) == 1
    assert done(tree, "top", "det") == [(1, 1), (2, 3), (3, 1)]


def test_a_skipped_section_goes_on_at_the_next_trigger(tree):
    tree["det"].OnError = OnError.SKIP
    tree["bank"].Priority = 1
    tree.set("a", fail_at=2)
    assert tree.play(3) == "ON"
    assert tree.triggers("a") == tree.triggers("b") == [1, 2, 3]
    # Its level does not come at a trigger that has failed.
    assert tree.triggers("c") == [1, 3]
    assert done(tree, "top", "det") == [(1, 1), (3, 1)]
    assert done(tree, "det", "b") == [(1, 1), (2, 1), (3, 1)]


def test_a_disabled_section_is_left_out(tree):
    tree["det"].OnError = OnError.DISABLE
    tree.set("a", fail_at=2)
    assert tree.play(4) == "ON"
    assert tree.triggers("p") == [1, 2, 3, 4]
    assert tree.triggers("b") == [1, 2]
    assert list(tree["top"].DroppedPlayers) == [tree.name("det")]
    assert tree.ended(node="det") == "ON"


def test_policies_below_hold_there(tree):
    tree["a"].OnError = OnError.SKIP
    tree["bank"].OnError, tree["bank"].Retries = OnError.RETRY, 1
    tree.set("a", fail_at=2)
    tree.set("c", fail_at=3, fails_for=1)
    assert tree.play(4) == "ON"
    assert done(tree, "top", "det") == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert done(tree, "det", "a") == [(1, 1), (3, 1), (4, 1)]
    assert done(tree, "det", "bank") == [(1, 1), (2, 1), (3, 2), (4, 1)]


@pytest.mark.parametrize("killed", ["c", "bank", "det"])
def test_what_is_killed_below_is_taken_up_by_retry(tree, killed):
    for node in ("det", "bank", "c"):
        tree[node].OnError, tree[node].Retries = OnError.RETRY, 3
    gate = tree.gate("b", 3)
    tree["top"].Triggers = 5
    tree["top"].Start()
    wait_until("b acts at trigger 3", lambda: 3 in tree.triggers("b"))
    os.kill(tree.children[killed].pid, signal.SIGKILL)
    wait_until("it is dead", lambda: not tree.children[killed].is_alive)
    gate.unlink()
    tree.start(killed)
    assert tree.ended() == "ON"
    for player in PLAYERS:
        acted = [(note["trigger"], note["attempt"]) for note in tree.notes("begin", player)]
        # Each trigger was acted at, and none twice as the same attempt.
        assert len(set(acted)) == len(acted)
        assert {trigger for trigger, _ in acted} == {1, 2, 3, 4, 5}
    assert tree.triggers("p") == [1, 2, 3, 4, 5]
    assert [trigger for trigger, _ in done(tree, "top", "det")] == [1, 2, 3, 4, 5]


def test_the_director_above_dies_and_recovers(tree):
    gate = tree.gate("a", 3)
    tree["top"].Triggers = 5
    tree["top"].Start()
    wait_until("a acts at trigger 3", lambda: 3 in tree.triggers("a"))
    os.kill(tree.children["top"].pid, signal.SIGKILL)
    wait_until("it is dead", lambda: not tree.children["top"].is_alive)
    gate.unlink()
    tree.start("top")
    wait_until("the run can be recovered", lambda: "Recover" in tree["top"].Status())
    tree["top"].Recover()
    assert tree.ended() == "ON"
    for player in PLAYERS:
        assert tree.triggers(player) == [1, 2, 3, 4, 5]
        assert len(tree.notes("setup", player)) == 1


def test_both_directors_die_and_recover(tree):
    gate = tree.gate("a", 3)
    tree["top"].Triggers = 5
    tree["top"].Start()
    wait_until("a acts at trigger 3", lambda: 3 in tree.triggers("a"))
    for node in ("top", "det"):
        os.kill(tree.children[node].pid, signal.SIGKILL)
        wait_until("it is dead", lambda node=node: not tree.children[node].is_alive)
    gate.unlink()
    tree.start("det", "top")
    wait_until("the section knows", lambda: "above takes it up by its Recover" in tree["det"].Status())
    assert "Recover there" in refused(tree["det"].Recover)
    tree["top"].Recover()
    assert tree.ended() == "ON"
    for player in PLAYERS:
        assert tree.triggers(player) == [1, 2, 3, 4, 5]
    assert last_run(tree, "det")[-1] == "done"


def test_a_silent_section_is_given_up_and_comes_back(tree):
    tree["det"].OnError, tree["det"].Timeout = OnError.SKIP, 0.7
    tree["top"].Triggers = -1
    tree["top"].Start()
    wait_until("it plays", lambda: len(tree.triggers("a")) > 2)
    os.kill(tree.children["det"].pid, signal.SIGSTOP)
    try:
        wait_until("the section is missed", lambda: "triggers missed" in tree["top"].Status(), 20)
    finally:
        os.kill(tree.children["det"].pid, signal.SIGCONT)
    missed = max(tree.triggers("p"))
    wait_until("it is back", lambda: max(tree.triggers("a")) > missed, 30)
    tree["top"].Stop()
    assert tree.ended() == "ON"
    acted = [(note["trigger"], note["attempt"]) for note in tree.notes("begin", "a")]
    assert len(set(acted)) == len(acted)


def test_pause_step_progress_and_abort_reach_the_section(tree):
    top, det = tree["top"], tree["det"]
    top.Triggers = 4
    top.Arm()
    assert str(det.state()) == "STANDBY"
    top.Step()
    wait_until("one trigger is done", lambda: str(top.state()) == "STANDBY" and top.CurrentTrigger == 1)
    top.Stop()
    assert tree.ended() == tree.ended(node="det") == "ON"

    gate = tree.gate("a", 2)
    tree.set("a", listen=True)
    top.Start()
    wait_until("a acts at trigger 2", lambda: 2 in tree.triggers("a"))
    wait_until("the section knows how far it is", lambda: det.Progress == top.Progress == 25)
    assert f"plays run {top.RunId} of " in det.Status()
    assert "waiting for" in det.Status()
    for command in ("Pause", "Resume", "Step"):
        assert "not allowed" in refused(getattr(det, command))
    top.Abort()
    assert tree.ended() == tree.ended(node="det") == "ON"
    gate.unlink()
    assert tree.notes("told", "a")
    assert len(tree.notes("stop", "c")) == 2


def test_a_person_and_a_director_do_not_share_a_section(tree):
    top, det = tree["top"], tree["det"]
    det.Triggers = -1
    gate = tree.gate("a", 1)
    det.Start()
    wait_until("it plays", lambda: tree.triggers("a"))
    said = refused(top.Start)
    assert "Player tree-det" in said
    assert f"plays run {det.RunId} of" in said
    gate.unlink()
    det.Stop()
    assert tree.ended(node="det") == "ON"
    det.Triggers = 1

    tree.ready()
    top.Triggers = -1
    top.Start()
    wait_until("it plays", lambda: len(tree.triggers("p")) > 2)
    for command in ("Start", "Arm", "Recover"):
        assert f"plays run {top.RunId} of" in refused(getattr(det, command))
    assert det.Check() == []
    det.Stop()
    assert tree.ended() == "FAULT"
    assert json.loads(top.LastFailure)["player"] == "tree-det"
    assert "stopped or restarted since" in top.LastError


def test_a_circle_is_refused(tree):
    bank = tree["bank"]
    database = tango.Database(*tree.facilities["bank"].database.tango_host.split(":"))
    device = tree.servers["bank"].device
    players = tree.servers["bank"].devices[0].properties["PlayerDevices"]
    for other, named in (("bank", "is its own section"), ("det", "is its section, and")):
        database.put_device_property(device, {"PlayerDevices": [*players, tree.servers[other].device]})
        bank.Init()
        try:
            wait_until(
                "the circle is seen",
                lambda named=named: named in "".join(bank.Check()) and "a circle" in "".join(bank.Check()),
                20,
            )
            assert "circle" in refused(bank.Start)
            assert "circle" in refused(tree["top"].Start)
        finally:
            database.put_device_property(device, {"PlayerDevices": players})
            bank.Init()
        tree.ready()
