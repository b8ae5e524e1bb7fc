"""The structure that a user has the file writers write: NICOS's placeholders, filled in."""

from __future__ import annotations

import json

import pytest

from donki.director.output.writers.structure import OwnStructure, unnamed_streams
from donki.errors import FileError, InputError
from donki.run import Run
from donki.streams.listing import Stream

JOB = "7f0a8d9c-9c5e-4b0b-8a53-0b0f0c5d7a11"
RUN = Run(
    "20261130T120000Z-0000",
    'Say "ice" $JOB_ID$',
    {
        "proposal": 123456,
        "users": [{"name": "Ada Lovelace", "affiliation": "ESS"}, {"affiliation": "nameless"}],
        "samples": [{"name": "ice", "mass": 2.5}],
    },
    1,
)


def own(tmp_path, structure):
    path = tmp_path / "structure.json"
    path.write_text(structure if isinstance(structure, str) else json.dumps(structure))
    return OwnStructure(path)


def module(kind, **config):
    return {"module": kind, "config": config}


def dataset(name, values):
    return module("dataset", name=name, values=values, dtype="string")


def test_each_placeholder_is_filled_in_and_nothing_else_is_changed(tmp_path):
    entry = [
        dataset("title", "$TITLE$"),
        dataset("experiment_identifier", "$EXP_ID$"),
        dataset("entry_identifier", "$ENTRY_ID$, job $JOB_ID$"),
        dataset("price", "US$5 or $5, \\u20ac"),
        "$USERS$",
        "$SAMPLES$",
        module("ad00", topic="t", source="camera", dtype="uint16", array_size="$AREADET$"),
        {"type": "group", "name": "empty", "children": []},
    ]
    streams = [Stream("ad00", "t", "camera", {"shape": (64, 32), "dtype": "uint16"})]
    filled = own(tmp_path, {"children": entry, "other": None}).fill(RUN, JOB, streams)
    title, experiment, identifier, price, user, sample, camera, empty = filled["children"]
    # What is filled in is not filled in again.
    assert title["config"]["values"] == RUN.title
    assert experiment["config"]["values"] == "123456"
    assert identifier["config"]["values"] == f"{RUN.id}, job {JOB}"
    assert (price, empty, filled["other"]) == (entry[3], entry[7], None)
    assert camera["config"]["array_size"] == [64, 32]
    for group, name, kind in ((user, "user_AdaLovelace", "NXuser"), (sample, "sample_ice", "NXsample")):
        assert (group["name"], group["type"]) == (name, "group")
        assert group["attributes"] == [{"name": "NX_class", "dtype": "string", "values": kind}]
    assert [(field["config"]["name"], field["config"]["values"]) for field in sample["children"]] == [
        ("name", "ice"),
        ("mass", "2.5"),
    ]


def test_without_users_and_samples_nothing_is_in_their_place(tmp_path):
    structure = own(tmp_path, {"children": ["$USERS$", "$SAMPLES$", dataset("a", "$EXP_ID$")]})
    for metadata in ({}, {"users": "Ada", "samples": [7]}):
        (only,) = structure.fill(Run("R", "", metadata, 1), JOB, [])["children"]
        assert only["config"]["values"] == ""


def test_streams_that_are_not_named_are_told():
    nested = {"type": "group", "name": "x", "children": [module("f144", topic="t", source="motor")]}
    structure = {"children": [nested, module("mdat", items=[])]}
    streams = [Stream("f144", "t", "motor"), Stream("al00", "t", "motor"), Stream("ev44", "t", "panel")] * 2
    assert unnamed_streams(structure, streams) == ["t/panel"]


@pytest.mark.parametrize(
    ("structure", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "list of children"),
        ({"children": {}}, "list of children"),
        ({"children": [dataset("a", "$PROPOSAL$")]}, r"\$PROPOSAL\$ is no placeholder; those are \$TITLE\$"),
        ('{"children": [], "children": []}', "twice"),
    ],
)
def test_what_is_no_structure_is_refused_by_name(tmp_path, structure, said):
    with pytest.raises(InputError, match=said) as refused:
        own(tmp_path, structure)
    assert "structure.json" in str(refused.value)


def test_the_size_of_an_image_that_no_player_streams_is_refused(tmp_path):
    camera = module("ad00", topic="t", source="camera", array_size="$AREADET$")
    structure = own(tmp_path, {"children": [camera]})
    with pytest.raises(InputError, match="the array_size of source 'camera' in topic 't'"):
        structure.fill(RUN, JOB, [Stream("ad00", "t", "camera")])


def test_a_file_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(FileError, match=f"the structure {path} cannot be read"):
            OwnStructure(path)
