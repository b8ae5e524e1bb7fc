"""Disks that fail at any moment and in any way: the files hold every trigger that was done, and no other."""

import errno
import os
import subprocess
import sys
from collections import namedtuple
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import full_disk
from donki.errors import FileError
from donki.sources import Recording
from donki.streams.nexus.swmr_file import SharedFile
from donki_client.topics.recording_file import RecordingFile
from full_disk import MOMENTS, Play, play_moment

STEP = int(os.environ.get("DONKI_DISK_STEP", "16384"))

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BROKEN = (errno.EIO, errno.ETIMEDOUT)


class Disk:
    """Stands in for the disk's side of `os`: it refuses new blocks when full, or tears one write.

    Attributes
    ----------
    left
        bytes that can be written to new blocks, or writes until the fault; None for any number
    """

    def __init__(self, code=errno.ENOSPC, block=1):
        self.left = None
        self._code, self._block = code, block
        self._used = {}

    def __getattr__(self, name):
        return getattr(os, name)

    def fill(self, left, _path):
        self.left = left

    def pwrite(self, descriptor, block, start):
        content = bytes(block)
        if self._code in BROKEN:
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    self.left = None
                    os.pwrite(descriptor, content[: len(content) // 2], start)
                    raise OSError(self._code, os.strerror(self._code))
            return os.pwrite(descriptor, content, start)
        used = self._used.setdefault(os.fstat(descriptor).st_ino, set())
        first = start // self._block
        for number in range(first, -(-(start + len(content)) // self._block)):
            if number in used:
                continue
            if self.left is not None:
                if self.left < self._block:
                    content = content[: max(0, number * self._block - start)]
                    break
                self.left -= self._block
            used.add(number)
        if not content and len(block):
            raise OSError(self._code, os.strerror(self._code))
        return os.pwrite(descriptor, content, start)


@pytest.fixture
def folders(tmp_path_factory):
    return lambda: tmp_path_factory.mktemp("disk")


def small_chunks():
    return patch.multiple("donki.streams.nexus.event_group", _EVENTS_PER_CHUNK=1000, _PULSES_PER_CHUNK=5)


@pytest.mark.parametrize("compression", ["", "lzf"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_file_is_whole_whatever_is_left_of_the_disk(moment, compression, folders):
    for left in range(0, 65537, STEP):
        disk = Disk(block=512)
        with patch("donki.streams.nexus.staged_file.os", disk), small_chunks():
            play_moment(folders(), moment, partial(disk.fill, left), compression=compression)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_write_that_fails_and_is_torn_leaves_no_trace(moment, folders):
    for number in range(0, 120, max(1, STEP // 2000)):
        disk = Disk(errno.EIO)
        with patch("donki.streams.nexus.staged_file.os", disk), small_chunks():
            play_moment(folders(), moment, partial(disk.fill, number), is_full=False)


steps = st.one_of(
    st.tuples(st.just("send"), st.sampled_from([0, 1, 300, 2500]), st.sampled_from(["v", "v2"])),
    st.sampled_from([("commit",), ("commit",), ("discard",), ("late",), ("close",)]),
    st.tuples(st.just("fill"), st.integers(0, 1 << 16)),
    st.just(("free",)),
)


@given(
    script=st.lists(steps, max_size=25),
    code=st.sampled_from([*FULL, *BROKEN]),
    block=st.sampled_from([1, 512, 4096]),
)
def test_files_hold_what_was_committed_whatever_the_disk_does(script, code, block, tmp_path_factory):
    disk = Disk(code, block)
    folder = tmp_path_factory.mktemp("disk")
    with patch("donki.streams.nexus.staged_file.os", disk), small_chunks():
        play = Play(folder)
        for name, *arguments in [*script, ("close",)]:
            match name:
                case "fill":
                    disk.left = arguments[0] if code in FULL else arguments[0] % 50
                case "free":
                    disk.left = None
                case "send":
                    is_done = play.attempt(lambda each=arguments: play.send(each[0], value=each[1]))
                case _:
                    is_done = play.attempt(getattr(play, name))
                    assert is_done or code in BROKEN or name not in ("discard", "close"), play.errors
            if name not in ("fill", "free") and not is_done:
                play.attempt(play.discard)
        play.check()
    assert sorted(folder.iterdir()) == sorted(play.kept)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("committed", [0, 1])
def test_a_disk_that_stays_full_gathers_neither_files_nor_names(committed, code, tmp_path_factory):
    for left in range(0, 65537, STEP) if code in FULL else range(0, 120, 30):
        disk = Disk(code, block=512)
        folder = tmp_path_factory.mktemp("disk")
        with patch("donki.streams.nexus.staged_file.os", disk), small_chunks():
            play = Play(folder)
            for _ in range(committed):
                play.send()
                play.commit()
            for _ in range(8):
                disk.left = left
                if not play.attempt(lambda play=play: (play.send(20_000), play.commit())):
                    play.attempt(play.discard)
                empty = [path for path, triggers in play.kept.items() if not triggers]
                assert empty in ([], list(play.names.paths[-1:]))
                assert sorted(folder.iterdir()) == sorted(play.names.paths)
            disk.left = None
            play.send()
            play.commit()
            play.close()
            play.check()
            assert all(play.kept.values())


def test_a_file_of_another_is_left_alone_that_has_the_name_of_one_that_failed(tmp_path):
    disk = Disk()
    with patch("donki.streams.nexus.staged_file.os", disk):
        play = Play(tmp_path)
        (path,) = play.names.paths
        path.rename(tmp_path / "ours")
        path.write_text("theirs")
        disk.left = 0
        assert not play.attempt(lambda: (play.send(), play.commit()))
    assert path.read_text() == "theirs"
    assert play.names.next().name == "run_p0+2.nxs"


@pytest.mark.parametrize("harm", ["deleted", "cut short"])
def test_a_file_that_others_spoil_is_noticed_and_the_next_takes_over(harm, tmp_path):
    play = Play(tmp_path)
    play.send()
    play.commit()
    (path,) = play.names.paths
    path.unlink() if harm == "deleted" else os.truncate(path, 100)
    play.send()
    with pytest.raises(FileError, match=f"^{path} cannot be written: .*{harm}"):
        play.commit()
    play.discard()
    play.kept.pop(path)
    play.send()
    play.commit()
    play.close()
    (path,) = play.kept.keys() - {path}
    play.check()


FORK = """
import os, sys
from pathlib import Path
from full_disk import Play
play = Play(Path(sys.argv[1]))
play.send(); play.commit(); play.send(30_000)
before = play.names.paths[0].read_bytes()
if not (child := os.fork()):
    sys.exit()
os.waitpid(child, 0)
assert play.names.paths[0].read_bytes() == before
play.commit(); play.close(); play.check()
"""


def test_a_forked_process_that_ends_leaves_the_file_alone(tmp_path):
    subprocess.run([sys.executable, "-c", FORK, tmp_path], cwd=Path(full_disk.__file__).parent, check=True)


Message = namedtuple("Message", "topic partition key value headers offset timestamp")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_recording_holds_what_was_flushed_whatever_the_disk_does(code, folders):
    for left in range(0, 65537 if code in FULL else 40, STEP if code in FULL else 4):
        disk, path = Disk(code, block=512), folders() / "topic.h5"
        with patch("donki.streams.nexus.staged_file.os", disk):
            flushed, total = 0, 40
            with suppress(FileError), RecordingFile(path, {"a": [0]}) as file:
                for number in range(total):
                    file.append(Message("a", 0, None, bytes([number]) * 2000, [], number, number))
                    if number % 10 == 9:
                        file.flush()
                        flushed = number + 1
                        disk.left = left
        with closing(Recording(path)) as recording:
            found = [due.message.payload for due in recording.messages()]
        assert found == [bytes([number]) * 2000 for number in range(flushed)]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_file_that_cannot_be_written_in_its_place_is_not_there(code, tmp_path):
    """So the master file and compressed files are written: beside the one that is there, which stays."""
    for left in range(0, 6000 if code in FULL else 30, 500 if code in FULL else 2):
        disk, path = Disk(code, block=512), tmp_path / "part.h5"
        disk.left = left
        with patch("donki.streams.nexus.staged_file.os", disk), SharedFile(path, user_block=512) as file:
            file.root["data"] = np.arange(1000)
            with suppress(OSError):
                file.publish()
                assert h5py.File(path)["data"][-1] == 999
                path.rename(tmp_path / "whole.h5")
        path.unlink(missing_ok=True)
