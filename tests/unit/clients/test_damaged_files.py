"""Files with which HDF5 hangs or crashes are named by check-data, which goes on."""

from __future__ import annotations

import os

import h5py
import pytest

from donki.streams.file_checksums import checksum_of
from donki_client.verify import damaged_files
from donki_client.verify.damaged_files import refuse_if_endless
from donki_client.verify.stored_data import StoredData

ENDLESS = "while True: pass"
CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
WAITING = "import time; time.sleep(60)"
SAID = {
    ENDLESS: "HDF5 does not come to an end of it in 1 s",
    CRASH: "HDF5 crashes with it: SIGSEGV",
    WAITING: "it is not read within 1 s",
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "p.nxs"
    with h5py.File(path, "w") as file:
        file["entry/instrument/panel/value"] = [[1.0, 2.0], [3.0, 4.0]]
        file["entry/title"] = "whole"
        file["entry"].attrs["NX_class"] = "NXentry"
    return path


@pytest.fixture
def hdf5_that(tmp_path, monkeypatch):
    """Let HDF5 do something else in the process that reads first, where it reads a data set."""

    def does(what):
        code = f"import h5py\ndef read(*_):\n    {what}\nh5py.Dataset.__getitem__ = read\n"
        (tmp_path / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.setattr(damaged_files, "_LIMIT", 1)
        # A second of CPU time takes longer where the machine is busy.
        monkeypatch.setattr(damaged_files, "_PATIENCE", 1 if what == WAITING else 60)

    return does


def test_whole_files_pass(file):
    refuse_if_endless(file)


@pytest.mark.parametrize("kept", [100, -1])
def test_what_hdf5_says_itself_is_left_to_who_reads(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    refuse_if_endless(file)


@pytest.mark.parametrize("what", SAID)
def test_files_that_hdf5_cannot_end_are_refused(file, hdf5_that, what):
    hdf5_that(what)
    with pytest.raises(OSError, match=SAID[what]):
        refuse_if_endless(file)


@pytest.mark.parametrize("what", SAID)
def test_check_data_names_them_and_reads_the_others(file, hdf5_that, what):
    hdf5_that(what)
    whole = file.with_name("whole.nxs")
    whole.write_bytes(file.read_bytes())
    with h5py.File(whole, "r+") as content:
        del content["entry/instrument/panel"]
        content["entry/instrument"].create_group("monitor")
    data = StoredData("p", {})
    data.read([file, whole], [checksum_of(whole)])
    assert data.problems == [f"Player p: the file {file} cannot be read: {SAID[what]}"]
    assert set(data.sources) == {"monitor"}
