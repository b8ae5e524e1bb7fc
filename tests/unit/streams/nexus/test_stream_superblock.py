"""The mark that HDF5 puts on a file that is open for writing: taken off, and everything else left alone."""

import h5py
import pytest

from donki.streams.nexus.superblock import lookup3, unmarked


def test_the_hash_is_as_its_author_published_it():
    assert lookup3(b"Four score and seven years ago") == 0x17770551


@pytest.fixture
def marked(tmp_path):
    """Return a file that looks as if its writer had been killed."""
    path, copy = tmp_path / "open.h5", tmp_path / "killed.h5"
    with h5py.File(path, "x", libver=("v110", "v110")) as file:
        file["value"] = 5
        file.swmr_mode = True
        copy.write_bytes(path.read_bytes())
    return copy


def test_a_file_whose_mark_is_off_opens(marked):
    with pytest.raises(OSError, match="already open"):
        h5py.File(marked)
    before = marked.read_bytes()
    marked.write_bytes(unmarked(marked.read_bytes()[:48]) + marked.read_bytes()[48:])
    with h5py.File(marked, "r+") as file:
        assert file["value"][()] == 5
    assert marked.read_bytes()[48:] == before[48:]


@pytest.mark.parametrize("content", [b"", b"precious", b"\x89HDF\r\n\x1a\n\2" + 50 * b"\1"])
def test_other_files_are_left_alone(content):
    assert unmarked(content) == content
