"""What an action returns keeps one type and shape throughout a run, in Kafka as in the file."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming_data_types import deserialise_f144

from donki.errors import InputError
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from donki.streams.returned_values import ReturnedValues
from donki.streams.transaction import Transaction

TIME = 1_700_000_000_000_000_000


class Messages(list):
    """Takes the place of Kafka and keeps what it gets."""

    def send(self, topic, key, message, timestamp, events=0):
        self.append((key, bytes(message)))


def returned(sent, file=None):
    manifest = SimpleNamespace(measured=sent, add_rows=lambda _checksums: None)
    return ReturnedValues("p0", "topic", {}, manifest, file, Transaction())


@pytest.mark.parametrize(
    ("first", "changed", "said"),
    [
        (1, 1.5, "int64 at first and is float64"),
        (1, [1], r"int64 at first and is int64 of shape \(1,\)"),
        (1, "one", "int64 at first and is text"),
        (1, 2**63, "int64 at first and is uint64"),
        ("one", 1, "text at first and is int64"),
        ("one", 1.5, "text at first and is float64"),
        ("one", [1, 2], r"text at first and is int64 of shape \(2,\)"),
        (1.5, np.ma.masked_equal([1.5], 1.5), r"float64 at first and is float64 of shape \(1,\)"),
    ],
)
def test_a_value_that_changes_is_refused_and_nothing_of_the_trigger_kept(tmp_path, first, changed, said):
    path, sent = tmp_path / "run.nxs", Messages()
    file = NexusFile(path, Run("run"), "p0")
    values = returned(sent, file)
    values.send(1, TIME, {"a": 1, "b": first})
    values.commit()
    file.commit()
    before = list(sent)
    with pytest.raises(InputError, match=f"p0/b was {said}"):
        values.send(2, TIME, {"a": 2, "b": changed})
    assert sent == before
    values.send(3, TIME, {"a": 3, "b": first})
    values.commit()
    file.commit()
    file.close()
    with h5py.File(path) as root:
        assert list(root["p0/a"]) == [1, 3]
        assert list(root["p0/b_trigger"]) == [1, 3]


def test_what_is_narrower_goes_in_the_type_of_the_first():
    sent = Messages()
    values = returned(sent)
    values.send(1, TIME, {"a": 1.5})
    values.send(2, TIME, {"a": 2})
    assert [type(deserialise_f144(message).value) for _, message in sent] == [float] * 2


@pytest.mark.parametrize("name", ["", "a\0b", "caf\udce9"])
def test_names_that_cannot_be_kept_are_refused(name):
    sent = Messages()
    with pytest.raises(InputError, match="the name of a value of Player p0"):
        returned(sent).send(1, TIME, {"good": 1, name: 1})
    assert not sent


KINDS = {"int": 1, "float": 1.5, "text": "one", "list": [1, 2], "image": np.zeros((2, 3), np.uint8)}


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.booleans()), max_size=8))
def test_a_type_holds_from_the_first_value_that_was_delivered(triggers):
    sent = Messages()
    values = returned(sent)
    holds = None
    for kind, succeeds in triggers:
        fits = holds in (None, kind) or (holds, kind) == ("float", "int")
        if fits:
            values.send(1, TIME, {"a": KINDS[kind]})
        else:
            with pytest.raises(InputError, match="p0/a was"):
                values.send(1, TIME, {"a": KINDS[kind]})
        if succeeds:
            values.commit()
            holds = holds or (kind if fits else None)
        else:
            values.discard()
