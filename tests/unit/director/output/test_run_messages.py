"""What file writers are told: whatever the ESS file writer asks of a start and a stop is there."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming_data_types import deserialise_6s4t, deserialise_pl72

from donki.director.output.run_messages import LATEST, end_of_data, nexus_structure, run_start, run_stop
from donki.director.players import answers
from donki.run import Run
from donki.streams.listing import Stream
from donki.streams.nexus.file import NexusFile
from donki.streams.schemas import SCHEMAS, Route

RUN = Run("20261122T101500Z-3f9a", "Silicon", {"sample": "Si"}, 7)
JOB = str(uuid.uuid4())
TIME = 1_795_000_000_123_456_789


def groups(structure):
    """By path: the class, and the module and its config, of all groups."""
    found = {}

    def walk(children, path):
        for child in children:
            if child.get("type") == "group":
                name = f"{path}/{child['name']}"
                assert name not in found
                found[name] = child["attributes"][0]["values"]
                walk(child["children"], name)
            elif child["module"] not in ("dataset", "mdat"):
                found[f"{path}:{child['module']}"] = child["config"]

    walk(structure["children"], "")
    return found


def start(streams=()):
    message = run_start(
        RUN, JOB, filename="a.nxs", start_time=TIME, topic="runs", brokers=["a:1", "b:2"], streams=streams
    )
    return deserialise_pl72(message)


def test_a_start_has_all_that_a_file_writer_asks_for():
    found = start()
    assert uuid.UUID(found.job_id).version == 4
    assert (found.filename, found.control_topic, found.broker) == ("a.nxs", "runs", "a:1,b:2")
    assert found.start_time == TIME // 1_000_000
    assert found.stop_time == 0
    # With an instrument's name a file writer would look for a template.
    assert (found.instrument_name, found.service_id) == ("", "")
    assert found.run_name == RUN.id
    assert json.loads(found.metadata) == {"run_id": RUN.id, "title": "Silicon", "metadata": {"sample": "Si"}}


def test_a_stop_has_all_that_a_file_writer_asks_for_and_leaves_nothing_out():
    found = deserialise_6s4t(run_stop(RUN.id, JOB, TIME))
    assert found.job_id == JOB
    assert found.run_name == RUN.id
    assert uuid.UUID(found.command_id).version == 4
    assert found.stop_time * 1_000_000 >= TIME
    assert found.stop_time * 1_000_000 - TIME < 1_000_000


@pytest.mark.parametrize(
    ("latest", "end"), [(0, TIME), (TIME // 10**6 + 2000, None), (TIME // 10**6 + 10**8, TIME + LATEST)]
)
def test_a_run_has_data_up_to_its_last_message_within_reason(latest, end):
    assert end_of_data(TIME, latest) == (end or (latest + 1) * 10**6)


def test_the_structure_writes_events_and_numbers_and_leaves_out_arrays_of_unknown_shape():
    streams = [
        Stream("ev44", "det", "panel_0"),
        Stream("f144", "values", "p0/x"),
        Stream("da00", "values", "p0/image"),
        Stream("ev44", "det", "panel_0"),
    ]
    found = groups(json.loads(start(streams).nexus_structure))
    assert found == {
        "/entry": "NXentry",
        "/entry/instrument": "NXinstrument",
        "/entry/instrument/panel_0": "NXdetector",
        "/entry/instrument/panel_0/panel_0_events": "NXevent_data",
        "/entry/instrument/panel_0/panel_0_events:ev44": {"topic": "det", "source": "panel_0"},
        "/entry/instrument/p0_x": "NXlog",
        "/entry/instrument/p0_x:f144": {"topic": "values", "source": "p0/x", "dtype": "double"},
    }


def test_images_are_written_whether_their_shape_is_known_or_not():
    streams = [
        Stream("ad00", "t", "camera", {"unit": "counts", "shape": (64, 32), "dtype": "uint16"}),
        Stream("ad00", "t", "other", {"unit": "counts"}),
    ]
    found = groups(json.loads(start(streams).nexus_structure))
    assert found["/entry/instrument/camera"] == "NXdata"
    assert found["/entry/instrument/camera:ad00"] == {
        "topic": "t",
        "source": "camera",
        "dtype": "uint16",
        "array_size": [64, 32],
    }
    # Without a size of its chunks in every dimension, a file writer would give each pixel chunks of 8 MB.
    assert found["/entry/instrument/other:ad00"] == {
        "topic": "t",
        "source": "other",
        "dtype": "float64",
        "array_size": [1, 1],
        "chunk_size": [1, 64, 64],
    }


def test_an_array_of_known_shape_is_written_with_its_coordinates():
    layout = {
        "shape": (4, 2),
        "dtype": "int32",
        "unit": "counts",
        "axes": ["tof", "x"],
        "coordinates": {"tof": {"shape": (5,), "dtype": "float64", "unit": "us"}},
    }
    found = groups(json.loads(start([Stream("da00", "t", "spectrum", layout)]).nexus_structure))
    assert found["/entry/instrument/spectrum"] == "NXdata"
    signal = {"name": "signal", "unit": "counts", "data_type": "int32", "shape": [4, 2], "axes": ["tof", "x"]}
    tof = {"name": "tof", "unit": "us", "data_type": "float64", "shape": [5], "axes": ["tof"]}
    assert found["/entry/instrument/spectrum:da00"] == {
        "topic": "t",
        "source": "spectrum",
        "variables": [signal],
        "constants": [tof],
    }


@pytest.mark.parametrize(
    ("schema", "settings", "rows"),
    [
        ("f144", {}, {"value": [1.5], "time": [1]}),
        ("se00", {"interval": 1}, {"value": [1.5], "time": [1]}),
        ("ad00", {}, {"value": [[[1.5]]], "time": [1]}),
    ],
)
def test_a_unit_is_told_to_file_writers_and_stands_in_our_file(schema, settings, rows, tmp_path):
    sent, file = [], NexusFile(tmp_path / "run.nxs", RUN, "p")
    stream = SCHEMAS.find(schema)(Route("t", "x", SimpleNamespace(send=sent.append)), unit="mV", **settings)
    stream.keep_in(file)
    file.append_rows(f"x/{schema}", {name: np.array(values) for name, values in rows.items()})
    file.commit()
    # As a Player tells of it, and a Director takes it.
    told = {"run": "r", "files": [], "streams": [Stream(schema, "t", "x", stream.layout).as_dict()]}
    (said,) = answers.read_output("Begin", json.dumps(told))["streams"]
    structure = nexus_structure(RUN, [Stream(**said)])
    ((group,),) = [child["children"] for child in structure["children"][0]["children"] if "children" in child]
    (module,) = group["children"]
    texts = {each["name"]: each["values"] for each in group["attributes"]}
    # Of the file writer's modules, f144's alone writes a unit; for the others the group has it.
    assert module["config"].get("value_units", texts.get("value_units")) == "mV"
    assert ("value_units" in module["config"]) == (schema == "f144")
    with h5py.File(tmp_path / "run.nxs") as file:
        assert file["entry/instrument/x/value"].attrs["units"] == "mV"


def test_alarms_are_written_with_the_log_of_their_source_or_alone():
    streams = [Stream(schema, "t", "motor") for schema in ("al00", "f144", "ep01")]
    found = groups(nexus_structure(RUN, [*streams, Stream("al00", "t", "door")]))
    assert [path for path in found if ":" in path] == [
        "/entry/instrument/motor:f144",
        "/entry/instrument/door:al00",
    ]


@given(
    st.lists(
        st.builds(
            Stream,
            st.sampled_from(["ev44", "f144", "tdct", "ad00"]),
            st.sampled_from("ab"),
            st.sampled_from(["x", "y/z"]),
            st.none(),
        )
    )
)
def test_every_stream_has_a_group_of_its_own(streams):
    found = groups(nexus_structure(RUN, streams))
    modules = [(path.partition(":")[2], *config.values()) for path, config in found.items() if ":" in path]
    expected = {(stream.schema, stream.topic, stream.source) for stream in streams}
    assert sorted((schema, topic, source) for schema, topic, source, *_ in modules) == sorted(expected)
