"""Attributes of HDF5 files are the same text however they were written."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki import hdf5
from donki.errors import SourceError

UTF8, ASCII = h5py.string_dtype("utf-8"), h5py.string_dtype("ascii")

#: A text as each of the ways to write it; those of bytes take an encoding.
FORMS = {
    "text": lambda text, _: text,
    "bytes": lambda text, encoding: np.bytes_(text.encode(encoding)),
    "padded": lambda text, encoding: np.array(text.encode(encoding), "S40"),
    "blanks": lambda text, encoding: np.bytes_(f"  {text} ".encode(encoding)),
    "array of one": lambda text, encoding: np.array([text.encode(encoding)]),
    "array of one, variable": lambda text, _: np.array([text], dtype=UTF8),
    "array of one by one": lambda text, encoding: np.array([[text.encode(encoding)]]),
    "variable, in whatever encoding": lambda text, encoding: np.array(text.encode(encoding), dtype=UTF8),
    "variable, called ASCII": lambda text, encoding: np.array(text.encode(encoding), dtype=ASCII),
}
texts = st.text(
    st.characters(codec="latin-1", exclude_categories=["Cc", "Zs"]) | st.just("µ"), min_size=1, max_size=12
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    with h5py.File(tmp_path_factory.mktemp("hdf5") / "a.h5", "w") as file:
        yield file


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=20)
@given(text=texts, encoding=st.sampled_from(["utf-8", "latin-1"]))
def test_a_text_is_the_same_in_every_form(file, form, text, encoding):
    # Latin-1 that happens to be UTF-8 cannot be told from it.
    if encoding == "latin-1":
        try:
            text.encode(encoding).decode()
        except UnicodeDecodeError:
            pass
        else:
            encoding = "utf-8"
    file.attrs["units"] = FORMS[form](text, encoding)
    assert hdf5.attribute_text(file, "units") == text


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [
        (h5py.Empty("S1"), "", None),
        (np.empty(0, "S3"), "", None),
        (np.array([b"p", b"x", b"y"]), "p x y", None),
        (3, "", 3.0),
        (np.array([3.5], np.float32), "", 3.5),
        (np.array([1, 2]), "", None),
        (b"2", "2", 2.0),
        (np.array([b" 2 "]), "2", 2.0),
        (np.array([True]), "", 1.0),
    ],
)
def test_what_is_no_single_text_or_number(file, value, text, number):
    file.attrs["value"] = value
    assert hdf5.attribute_text(file, "value") == text
    assert hdf5.attribute_number(file, "value") == number
    assert hdf5.attribute_text(file, "absent") == ""
    assert hdf5.attribute_number(file, "absent") is None


def test_a_data_set_that_claims_more_than_is_stored_is_damaged(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", shape=(1 << 50,), chunks=(1024,), dtype="i8")
        with pytest.raises(SourceError, match=r"a\.h5, /a: expected what 0 bytes can hold, found the shape"):
            hdf5.check_size(dataset, file.filename)
