"""What is compressed with a filter of hdf5plugin is read wherever that package is installed."""

import subprocess
import sys

import numpy as np

from donki import hdf5
from donki.run import Run
from donki.streams.nexus.compression_names import check_compression
from donki.streams.nexus.file import NexusFile
from donki.streams.nexus.file_names import FileNames

COMPRESSIONS = ("gzip", "lzf", "bitshuffle", "blosc", "blosc2", "lz4", "zstd")

READ = """
import sys
from pathlib import Path
from donki.sources import NexusReplay
from donki_client.verify.matching import Matcher
from donki_client.verify.stored_data import Expected, StoredData

for path in map(Path, sys.argv[1:]):
    print(sum(NexusReplay(path).pulse(1).time_of_flight))
    expected = {"panel": Expected([Matcher(iter(()))], 12_400)}
    stored = StoredData("p0", expected)
    stored.read([path])
    print(stored.problems, expected["panel"].matchers[0].end().unknown)
"""


def write(folder, compression):
    check_compression(compression)
    names = FileNames(folder, "{run}_{player}.nxs", compression, "p0")
    file = NexusFile(names, Run(compression), "p0", compression=compression)
    file.open_events("panel")
    file.append_events("panel", 10**18, np.arange(1000, dtype=np.int32), np.arange(1, 1001, dtype=np.int32))
    file.commit()
    file.close()
    return names.paths[0]


def test_every_compression_of_ours_is_read_by_a_process_that_wrote_none(tmp_path):
    paths = [str(write(tmp_path, compression)) for compression in COMPRESSIONS]
    command = [sys.executable, "-c", READ, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["499500", "[] 1"] * len(COMPRESSIONS), done.stderr


def test_a_filter_that_is_missing_says_what_to_install(monkeypatch):
    monkeypatch.setattr(hdf5, "find_spec", lambda _: None)
    missing = OSError("Can't synchronously read data (can't open directory (/usr/local/lib/plugin).)")
    assert hdf5.reason(missing).startswith(
        "needs the package hdf5plugin: pip install 'donkiorchestra[compression]' (Can't"
    )
    assert hdf5.reason(OSError("file is truncated")) == "file is truncated"
