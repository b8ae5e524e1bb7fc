"""Print when each trigger of the last run was due, sent and done: ``python read_timing.py [DIRECTOR]``.

Needs PyTango and h5py, and TANGO_HOST; runs where the Director's RunDirectory can be read.
"""

import sys
from pathlib import Path

import h5py
import tango


def main(device: str = "donki/director/1") -> int:
    """Return 0 where the last run has a record of its timing."""
    director = tango.DeviceProxy(device)
    master = Path(director.JournalFile).with_name(f"{director.RunId}.nxs")
    if not master.is_file():
        print(f"{master} is not there: no run has ended since the Director started", file=sys.stderr)
        return 1
    with h5py.File(master) as file:
        timing = file["entry/timing"]
        columns = [timing[name][:] for name in ("trigger", "due", "sent", "done")]
    print("trigger   late ms   took ms")
    for trigger, due, sent, done in zip(*columns, strict=True):
        print(f"{trigger:7} {(sent - due) / 1e6:9.3f} {(done - sent) / 1e6:9.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
