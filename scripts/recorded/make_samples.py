"""Make the sample data of this folder from the McStas rays beside it: ``python make_samples.py [FOLDER]``.

=========  ===========================================================================================
sans.nxs   NXevent_data as the ESS file writer lays it out: the rays as 10 pulses on a panel of 64 × 64
sans.mcpl  MCPL 3, single precision: the same rays as particles
=========  ===========================================================================================
"""

import struct
import sys
from pathlib import Path

import h5py
import numpy as np

from donki.sources import Panel, read_mcstas

PULSES = 10
PERIOD = 71_428_571  # ns
START = 1_795_348_800_000_000_000  # ns since 1970: 2026-11-22T12:00:00Z
EVENTS_PER_CHUNK = 1_024
MEGAELECTRONVOLT_PER_SPEED2 = 5.22703725e-15  # MeV (s/m)², m_n / 2


def write_nexus(path, rays):
    """Write the rays as pulses of even size, the last with what is left."""
    panel = Panel(width=1.0, height=1.0, columns=64, rows=64)
    pixel = panel.pixel_ids(rays["x"], rays["y"])
    hit = pixel > 0
    time = np.rint(rays["t"][hit] * 1e9).astype(np.int32)
    since_1970 = {"units": "ns", "start": "1970-01-01T00:00:00Z"}
    with h5py.File(path, "w") as file:
        group = file
        for name, kind in (("entry", "NXentry"), ("instrument", "NXinstrument"), ("panel", "NXdetector")):
            group = group.create_group(name)
            group.attrs["NX_class"] = kind
        group["detector_number"] = np.arange(1, 64 * 64 + 1, dtype=np.int32)
        events = group.create_group("panel_events")
        events.attrs["NX_class"] = "NXevent_data"
        columns = {
            "event_id": (pixel[hit], {}),
            "event_time_offset": (time, {"units": "ns"}),
            "event_time_zero": (np.arange(PULSES, dtype=np.uint64) * PERIOD + START, since_1970),
            "event_index": (np.arange(PULSES) * (len(time) // PULSES), {}),
        }
        for name, (values, attributes) in columns.items():
            compressed = {"chunks": (EVENTS_PER_CHUNK,), "maxshape": (None,), "compression": "gzip"}
            events.create_dataset(name, data=values, **compressed).attrs.update(attributes)


def write_mcpl(path, rays):
    """Write the rays as neutrons, as https://mctools.github.io/mcpl describes the format."""
    speed2 = rays["vx"] ** 2 + rays["vy"] ** 2 + rays["vz"] ** 2
    speed = np.sqrt(speed2)
    source = b"make_samples.py"
    head = b"MCPL003L" + struct.pack("<Q5Ii2I", len(rays), 0, 0, 0, 0, 1, 2112, 32, 0)
    columns = [
        *(100 * rays[axis] for axis in "xyz"),  # cm
        rays["vx"] / speed,
        rays["vy"] / speed,
        MEGAELECTRONVOLT_PER_SPEED2 * speed2,
        1000 * rays["t"],  # ms
        rays["p"],
    ]
    particles = np.column_stack(columns).astype("<f4").tobytes()
    path.write_bytes(head + struct.pack("<I", len(source)) + source + particles)


if __name__ == "__main__":
    here = Path(__file__).parent
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here
    sample = read_mcstas(here.parent / "mcstas" / "events.dat")
    write_nexus(folder / "sans.nxs", sample)
    write_mcpl(folder / "sans.mcpl", sample)
