"""Other people's programs take our files: essreduce finds pixels in them, chexus finds nothing wrong.

Viewers find a plot by the rules of NeXus, and silx by its own.
"""

import uuid
from pathlib import Path

import h5py
import numpy as np
import pytest
import scippnexus
import silx.io
from silx.io.nxdata import get_default

from donki.player.player import Player
from donki.player.script.script import LOG_NAME, Script
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.faults.rule import read_rules
from donki.streams.run_output import RunOutput
from helpers.brokers import new_broker
from helpers.nexus_files import pixels_of, violations

SCRIPTS = Path(__file__).parents[2] / "scripts"
EVERY_STREAM = Path(__file__).parents[1] / "integration" / "scripts" / "every_stream.py"
TIME = 1_700_000_000_000_000_000
PULSE = 71_428_571
TRIGGERS = 3
#: Detectors by script, and where the middle of each is, in m from the sample.
DETECTORS = {
    "run_player_0": {"panel_0": (0, 0, 5)},
    "run_player_1": {"monitor_1": (0, 0, 5)},
    "run_player_2": {"panel_2": (0, 0, 5)},
    "mcpl_panel": {"panel": (0, 0, 5)},
    "replay_nexus": {"panel": (0, 0, 5)},
    "powder": {"bank": None, "m1": (0, 0, -4.75)},
}
SHIPPED = (*DETECTORS, "powder_image", "scenarios/sample_environment", "just_action")


@pytest.fixture(scope="module")
def broker():
    with new_broker("embedded") as running:
        yield running


@pytest.fixture(scope="module")
def play(broker, tmp_path_factory):
    """Return what plays a script; it returns its file and how many events were sent."""

    def play(path, triggers=TRIGGERS, opened=lambda player: None, **settings):
        player = Player("p0", [path.parent])
        topic = f"nexus-{uuid.uuid4().hex}"
        player.parameters = {"topic": topic}
        folder = tmp_path_factory.mktemp("files")
        output = RunOutput(
            "p0", Run.new(), brokers=[broker.address], values_topic=topic, file_directory=folder, **settings
        )
        player.begin(Run.new("Silicon"), output)
        script = Script(path, player)
        script.setup()
        opened(player)
        for number in range(1, triggers + 1):
            trigger = Trigger(number, TIME + number * PULSE, period=PULSE)
            output.begin(number)
            values = script.action(trigger)
            values.pop(LOG_NAME, None)
            output.values(number, trigger.reference_time, values)
            output.deliver(20)
        script.stop()
        output.close()
        (file,) = output.files
        return file, output.counts.events

    return play


@pytest.fixture(scope="module")
def shipped(play):
    """Return the file of each shipped script, and how many events it sent."""
    return {name: play(SCRIPTS / f"{name}.py") for name in SHIPPED}


def plot_of(path):
    """Return the signal that the attribute default leads to, and its axes that are data sets."""
    with h5py.File(path) as file:
        group = file
        while "default" in group.attrs:
            group = group[group.attrs["default"]]
        if group.attrs["NX_class"] != "NXdata":
            return None
        axes = list(group.attrs["axes"])
        signal = group[group.attrs["signal"]]
        assert len(axes) == signal.ndim
        there = set(group)
        named = {axis: size for axis, size in zip(axes, signal.shape, strict=True) if axis in there}
        assert axes[0] in named
        assert all(len(group[axis]) == size for axis, size in named.items())
        return np.asarray(signal)


@pytest.mark.parametrize(
    ("script", "detector"), [(name, each) for name in DETECTORS for each in DETECTORS[name]]
)
def test_essreduce_has_the_events_of_shipped_scripts_on_pixels_with_positions(shipped, script, detector):
    pixels = pixels_of(shipped[script][0], detector)
    position = pixels.coords["position"]
    assert position.sizes == pixels.sizes
    assert position.unit == "m"
    middle = DETECTORS[script][detector]
    places = position.values.reshape(-1, 3)
    if middle is not None:
        np.testing.assert_allclose(places.mean(axis=0), middle, atol=1e-9)
    assert len(np.unique(places, axis=0)) == len(places)
    assert pixels.bins.size().sum().value > 0
    if len(DETECTORS[script]) == 1:
        assert pixels.bins.size().sum().value == shipped[script][1]


def test_a_neutron_at_a_place_is_on_the_pixel_that_essreduce_has_there(shipped):
    """Of the rays of the list, those that hit the panel at the upper right are the events of pixels there."""
    pixels = pixels_of(shipped["run_player_2"][0], "panel_2")
    rays = np.loadtxt(SCRIPTS / "mcstas" / "events.dat")
    x, y = rays[:, 1], rays[:, 2]
    hits = (np.abs(x) < 0.5) & (np.abs(y) < 0.5)
    share = np.mean((x[hits] > 0.25) & (y[hits] > 0))
    places = pixels.coords["position"].fields
    counts = pixels.bins.size().values
    # 12,000 a trigger are the list of 1,500 rays eight times.
    upper_right = (places.x.values > 0.25) & (places.y.values > 0)
    assert counts[upper_right].sum() / counts.sum() == pytest.approx(share, abs=1e-12)


def open_more(player):
    """Open streams that send nothing, and alarms of a source that has nothing else."""
    topic = player.parameters["topic"]
    now = Trigger(1, TIME)
    player.series(topic, "silent")
    player.events(topic, "dark")
    player.image(topic, "shut")
    player.alarm(f"{topic}-alarms", "door").send(now, "MAJOR", "open")
    player.connection(f"{topic}-alarms", "door").send(now, "DISCONNECTED")


EVERY_VALUE = """
import numpy as np

def action(trigger):
    return {
        "number": 1.5, "count": 3, "flag": True, "flags": [True, False], "text": "fine", "array": np.eye(3),
        "short": np.arange(3, dtype=np.uint16),
    }
"""


def test_chexus_finds_no_violation_in_files_of_shipped_scripts(shipped):
    assert {name: found for name, (path, _) in shipped.items() if (found := violations(path))} == {}


@pytest.mark.parametrize("settings", [{}, {"file_compression": "gzip"}], ids=["plain", "compressed"])
def test_chexus_finds_no_violation_in_a_file_of_everything(play, settings, tmp_path):
    faults = read_rules([{"kind": "duplicate", "rate": 0.5}])
    path, _ = play(EVERY_STREAM, opened=open_more, faults=faults, **settings)
    with h5py.File(path) as file:
        assert len(file["entry/instrument"]) == 13
    assert violations(path) == []
    (tmp_path / "values.py").write_text(EVERY_VALUE)
    assert violations(play(tmp_path / "values.py", **settings)[0]) == []
    assert violations(play(SCRIPTS / "just_action.py", triggers=0, **settings)[0]) == []


def test_chexus_sees_what_is_wrong(shipped, tmp_path):
    path = tmp_path / "wrong.nxs"
    path.write_bytes(shipped["run_player_0"][0].read_bytes())
    with h5py.File(path, "r+") as file:
        del file["entry/instrument/panel_0/depends_on"]
    assert len(violations(path)) == 1


@pytest.mark.parametrize(
    ("script", "first"),
    [
        ("run_player_0", lambda values: values.dtype == np.int64 and len(values) == 2 * TRIGGERS),
        ("powder_image", lambda values: values.shape == (TRIGGERS, 256, 256)),
        ("scenarios/sample_environment", lambda values: values.shape == (TRIGGERS,)),
        ("just_action", lambda values: values is None),
    ],
)
def test_viewers_are_led_to_a_plot(shipped, script, first):
    assert first(plot_of(shipped[script][0]))


def test_viewers_are_led_to_images_and_logs_where_they_are(play, tmp_path):
    (tmp_path / "camera.py").write_text(
        "def action(trigger, player):\n"
        '    player.alarm("a" + player.parameters["topic"], "eye").send(trigger, "OK")\n'
        "    if trigger > 1:\n"
        '        player.image(player.parameters["topic"], "eye").send(trigger, [[1, 2], [3, trigger]])\n'
    )
    assert plot_of(play(tmp_path / "camera.py")[0]).tolist() == [[[1, 2], [3, 2]], [[1, 2], [3, 3]]]
    (tmp_path / "log.py").write_text(
        "def setup(player):\n"
        '    player.series(player.parameters["topic"], "T", unit="K")\n'
        "def action(trigger, player):\n"
        '    player.series(player.parameters["topic"], "T").send(trigger, 5.0 * trigger)\n'
        '    return {"note": "warm"}\n'
    )
    path, _ = play(tmp_path / "log.py", file_compression="gzip")
    assert plot_of(path).tolist() == [5, 10, 15]
    with scippnexus.File(path) as file:
        assert file["entry/data"][...].unit == "K"


def silx_plot(path):
    """Return the signal that silx view shows first, the axis along it, and whether it is a curve."""
    with silx.io.open(str(path)) as file:
        plot = get_default(file)
        return np.asarray(plot.signal), np.asarray(plot.axes[0]), plot.is_curve


def test_silx_plots_how_many_events_there_were_until_each_pulse(shipped):
    path, sent = shipped["run_player_0"]
    events, times, is_curve = silx_plot(path)
    # Each trigger fills two frames: its own, and the next one with what arrives later.
    frames = [TIME + number * PULSE for number in range(1, TRIGGERS + 2)]
    assert is_curve
    assert times.tolist() == [frames[0], frames[1], frames[1], frames[2], frames[2], frames[3]]
    assert events[::2].tolist() == [0, sent // 3, sent // 3 * 2]
    assert (np.diff(events) > 0).all()


SENDING = """
def action(trigger, player):
    topic = player.parameters["topic"]
    player.{send}
"""
IMAGE = 'image(topic, "eye").send(trigger, [[1, 2], [3, trigger]])'
ARRAY = 'array(topic, "a", axes=["tof"]{more}).send(trigger, [4, trigger])'
EDGES = ', coordinates={"tof": ([0, 1, 2], "us")}'


@pytest.mark.parametrize(
    ("send", "of_trigger"),
    [
        ('series(topic, "T", unit="K").send(trigger, 5.0 * trigger)', lambda number: 5 * number),
        (IMAGE, lambda number: [[1, 2], [3, number]]),
        (ARRAY.replace("{more}", ""), lambda number: [4, number]),
        (ARRAY.replace("{more}", EDGES), lambda number: [4, number]),
    ],
    ids=["log", "image", "array", "histogram"],
)
@pytest.mark.parametrize("settings", [{}, {"file_compression": "blosc"}], ids=["plain", "compressed"])
def test_silx_plots_what_was_sent_over_time(play, tmp_path, send, of_trigger, settings):
    (tmp_path / "sending.py").write_text(SENDING.replace("{send}", send))
    path, _ = play(tmp_path / "sending.py", **settings)
    signal, times, is_curve = silx_plot(path)
    assert signal.tolist() == [of_trigger(number) for number in range(1, TRIGGERS + 1)]
    assert times.tolist() == [TIME + number * PULSE for number in range(1, TRIGGERS + 1)]
    assert is_curve == (signal.ndim == 1)
    assert violations(path) == []


def test_silx_plots_returned_images(shipped):
    images, triggers, _ = silx_plot(shipped["powder_image"][0])
    assert (images.shape, triggers.tolist()) == ((TRIGGERS, 256, 256), [1, 2, 3])
    with h5py.File(shipped["powder_image"][0]) as file:
        np.testing.assert_array_equal(images, file["p0/image"])


def test_returned_values_lie_in_the_entry_and_where_they_used_to(shipped):
    with h5py.File(shipped["scenarios/sample_environment"][0]) as file:
        values = file["entry/values"]
        assert values.attrs["NX_class"] == "NXcollection"
        assert set(values) == {
            f"{name}{suffix}" for name in ("temperature", "field", "pressures") for suffix in ("", "_trigger")
        }
        assert file["p0"] == values
        assert file["p0/pressures"].shape == (TRIGGERS, 8)
        assert file["p0/pressures"].dims[0]["trigger"][()].tolist() == [1, 2, 3]


def test_scippnexus_loads_whole_files(shipped, recwarn):
    for path, _ in shipped.values():
        scippnexus.load(path)
    assert not recwarn.list
