"""Make the description of an instrument like LoKI beside this file: ``python make_loki_like.py [FOLDER]``.

``loki_like.nxs`` is what an ESS file writer leaves when nothing was sent yet: nine banks of straw tubes with
1.6 million pixels, 4 monitors, 3 choppers, 8 motors and 60 logs. Topics and sources are those that live
reduction expects of LoKI; where the pixels are is simplified.
"""

import sys
from pathlib import Path

import h5py
import numpy as np

PIXELS = 256  # along a straw
STRAW = 1.0  # m long
PITCH = 0.0081  # m from straw to straw
LAYERS = 4  # of straws, one behind the other

#: Straws of each bank, and where its centre is: x, y, z in m behind the sample, and how it is turned round z.
BANKS = [
    (1568, (0.0, 0.0, 5.0), 0),
    (448, (0.0, 0.75, 3.5), 0),
    (336, (-0.75, 0.0, 3.5), 90),
    (448, (0.0, -0.75, 3.5), 0),
    (336, (0.75, 0.0, 3.5), 90),
    (784, (0.0, 1.0, 1.3), 0),
    (896, (-1.0, 0.0, 1.3), 90),
    (560, (0.0, -1.0, 1.3), 0),
    (896, (1.0, 0.0, 1.3), 90),
]

MONITORS = [-16.8, -8.4, -2.0, 6.2]  # m behind the sample
#: Name, PV, m behind the sample, delay in ns
CHOPPERS = [
    ("bw_chopper1", "LOKI-ChpSy1:Chop-BWC-101", -17.1, 8_000_000.0),
    ("bw_chopper2", "LOKI-ChpSy1:Chop-BWC-102", -14.1, 11_000_000.0),
    ("fo_chopper1", "LOKI-ChpSy3:Chop-SFOC-101", -12.6, 13_000_000.0),
]
#: Name, PV, unit, position, lowest, highest, velocity in units/s
MOTORS = [
    ("detector_carriage", "LOKI-DtCar1:MC-LinX-01:Mtr", "mm", 5000.0, 1000.0, 10000.0, 20.0),
    ("beamstop_x", "LOKI-DtBS1:MC-LinX-01:Mtr", "mm", 0.0, -50.0, 50.0, 2.0),
    ("beamstop_y", "LOKI-DtBS1:MC-LinY-01:Mtr", "mm", 0.0, -50.0, 50.0, 2.0),
    ("sample_stack_x", "LOKI-SpSt1:MC-LinX-01:Mtr", "mm", 12.5, -100.0, 100.0, 5.0),
    ("sample_stack_y", "LOKI-SpSt1:MC-LinY-01:Mtr", "mm", 0.0, -100.0, 100.0, 5.0),
    ("sample_stack_z", "LOKI-SpSt1:MC-LinZ-01:Mtr", "mm", 30.0, 0.0, 300.0, 5.0),
    ("linear_sample_changer", "LOKI-SpChg1:MC-LinY-01:Mtr", "mm", 0.0, 0.0, 600.0, 25.0),
    ("sample_rotation", "LOKI-SpCel1:MC-RotX-01:Mtr", "deg", 0.0, -180.0, 180.0, 10.0),
]
MISC, NICOS, MACHINE = "loki_misc_devices", "loki_nicos_devices", "tn_data_general"  # topics
#: Logs whose PVs have alarms and a state of their connection, too.
WITH_ALARMS = "sample/sample_environment/cell_1/"


def logs():
    """Yield group, source, topic, unit and past values of each log; 3 delays of the choppers are logs too."""
    for n in range(1, 9):
        values = [20.0 + n / 10, 20.3 + n / 10, 20.1 + n / 10]
        yield (
            f"instrument/thermometer_box_ts{n}/value",
            f"LOKI-SE:Proc-TIC-001:PT100_TS{n}",
            MISC,
            "C",
            values,
        )
        yield f"instrument/vacuum_{n}/pressure", f"LOKI-Vac:VGP-{n:02}:PrsR", "loki_vacuum", "mbar", [2e-3]
        cell, pv = f"sample/sample_environment/cell_{n}", f"LOKI-SE:Cell-{n:02}"
        yield f"{cell}/temperature", f"{pv}:Temp-R", "loki_sample_env", "K", [298.1, 298.4, 298.2]
        yield f"{cell}/pressure", f"{pv}:Pres-R", "loki_sample_env", "bar", [1.013]
        yield f"{cell}/humidity", f"{pv}:Hum-R", "loki_sample_env", "%", [45.0, 47.5, 46.2]
    for blade in ("bottom", "left", "right", "top"):
        yield (
            f"instrument/slit_set_4/blade_{blade}/value",
            f"measured_slit_set_4_{blade}_blade",
            NICOS,
            "m",
            [5e-3],
        )
    yield "instrument/slit_set_4/z_distance", "measured_slit_set_4_z", NICOS, "m", [-3.0]
    yield "instrument/sample_position_z/value", "measured_sample_position_z", NICOS, "m", [0.03]
    for name, pv in (("experiment_shutter", "ExSh"), ("heavy_shutter", "HvSht"), ("window_guard", "WinGd1")):
        yield f"instrument/{name}/value", f"LOKI-{pv}:MC-Pne-01:ShtAuxBits07", "loki_motion", "", [1]
    source = "neutron_prod_info"
    for n in range(82025, 82033, 2):
        values = [18.2, 18.6, 18.4]
        yield f"{source}/cryo_tt_{n}_temperature", f"CrS-CMS:Cryo-TT-{n}:MeasValue", MACHINE, "K", values
    current = "A2T-130LWU:PBI-BCM-001"
    yield f"{source}/pulse_charge", f"{current}:PulseChargeR", MACHINE, "uC", [170.0, 179.0, 178.5]
    yield f"{source}/pulse_width", f"{current}:PulseWidthR", MACHINE, "ms", [2.86]
    yield f"{source}/flat_top_current", f"{current}:FlatTopCurrentR", MACHINE, "mA", [62.0, 62.6, 62.4]
    yield f"{source}/fsm_machine_active", "CrS-CMS:SC-FSM-007x:STS_Active", MACHINE, "", [1]


def group_of(parent, name, kind, **attributes):
    found = parent.require_group(name)
    found.attrs.update({name: np.bytes_(text) for name, text in {"NX_class": kind, **attributes}.items()})
    return found


def field(group, name, values, unit=None, **settings):
    data = np.asarray(values)
    if data.size > 1000:  # whole rows, which repeat
        chunks = (min(256, len(data)), *data.shape[1:])
        settings |= {"compression": "gzip", "compression_opts": 9, "shuffle": True, "chunks": chunks}
    made = group.create_dataset(name, data=data, **settings)
    if unit is not None:
        made.attrs["units"] = np.bytes_(unit)
    return made


def stream_of(parent, name, kind, module, topic, source):
    return group_of(parent, name, kind, topic=topic, source=source, writer_module=module)


def events(parent, name, topic, source):
    """Make an NXevent_data as ev44 leaves it when there were no neutrons."""
    found = stream_of(parent, name, "NXevent_data", "ev44", topic, source)
    field(found, "event_id", np.zeros(0, np.int32))
    field(found, "event_time_offset", np.zeros(0, np.int32), "ns")
    field(found, "event_index", np.zeros(0, np.int64))
    field(found, "event_time_zero", np.zeros(0, np.uint64), "ns").attrs["start"] = "1970-01-01T00:00:00Z"


def log(parent, name, topic, source, unit, values=()):
    """Make an NXlog as f144 leaves it."""
    found = stream_of(parent, name, "NXlog", "f144", topic, source)
    field(found, "value", values, unit)
    time = field(found, "time", np.arange(len(values), dtype=np.uint64), "ns")
    time.attrs["start"] = "1970-01-01T00:00:00Z"
    return found


def place(group, steps):
    """Put a group where a chain of transformations leads; each a type, a number and a vector."""
    chain = group_of(group, "transformations", "NXtransformations")
    after = "."
    for number, (kind, value, vector) in reversed(list(enumerate(steps))):
        step = field(chain, f"step_{number}", float(value), "m" if kind == "translation" else "deg")
        step.attrs.update(
            {"transformation_type": kind, "vector": np.asarray(vector, float), "depends_on": after}
        )
        after = f"{chain.name}/step_{number}"
    group["depends_on"] = after


def bank(instrument, number, first):
    """Make a bank of straws along x, in layers one behind the other, and return how many pixels it has."""
    straws, centre, angle = BANKS[number]
    found = group_of(instrument, f"loki_detector_{number}", "NXdetector")
    shape = (straws, PIXELS)
    field(found, "detector_number", np.arange(first, first + straws * PIXELS, dtype=np.int32).reshape(shape))
    layer, row = np.divmod(np.arange(straws), straws // LAYERS)
    along = (np.arange(PIXELS) + 0.5) * STRAW / PIXELS - STRAW / 2
    up = (row + 0.5) * PITCH - straws // LAYERS * PITCH / 2 + layer * PITCH / 2
    for axis, offset in (("x", along[None, :]), ("y", up[:, None]), ("z", (layer * PITCH)[:, None])):
        field(found, f"{axis}_pixel_offset", np.broadcast_to(offset, shape).astype(np.float32), "m")
    x, y, z = centre
    turn = [("rotation", angle, (0, 0, 1))] if angle else []
    place(
        found,
        [*turn, ("translation", x, (1, 0, 0)), ("translation", y, (0, 1, 0)), ("translation", z, (0, 0, 1))],
    )
    events(found, "detector_events", f"loki_detector_bank{number}", "caen")
    return straws * PIXELS


def monitor(instrument, number, z):
    found = group_of(instrument, f"beam_monitor_m{number}", "NXmonitor")
    place(found, [("translation", z, (0, 0, 1))])
    topic, source = "loki_beam_monitor", f"cbm{number + 1}"
    if number == len(MONITORS) - 1:
        stream_of(found, "histogram", "NXdata", "da00", topic, source)
    else:
        events(found, "monitor_events", topic, source)


def chopper(instrument, name, pv, z, delay):
    found = group_of(instrument, name, "NXdisk_chopper")
    place(found, [("translation", z, (0, 0, 1))])
    field(found, "slits", 1)
    field(found, "slit_edges", [0.0, 120.0], "deg")
    for part, end, unit, values in (
        ("rotation_speed", "Spd_R", "Hz", [14.0]),
        ("rotation_speed_setpoint", "Spd_S", "Hz", [14.0]),
        ("delay", "TotDly", "ns", [delay]),
        ("experiment_delay", "ChopDly-S", "ns", [delay]),
        ("pulse_delay", "BeamPosDly-S", "ns", [0.0]),
    ):
        log(found, part, "loki_choppers", f"{pv}:{end}", unit, values)
    stream_of(found, "top_dead_center", "NXlog", "tdct", "loki_choppers", f"{pv}:TDC")


def motor(instrument, name, pv, unit, position, low, high, velocity):
    found = group_of(instrument, name, "NXpositioner")
    log(found, "value", "loki_motion", f"{pv}.RBV", unit, [position])
    log(found, "target_value", "loki_motion", f"{pv}.VAL", unit, [position])
    log(found, "idle_flag", "loki_motion", f"{pv}.DMOV", "", [1])
    field(found, "soft_limit_min", low, unit)
    field(found, "soft_limit_max", high, unit)
    field(found, "velocity", velocity, f"{unit}/s")


def write_description(path):
    with h5py.File(path, "w", libver="latest") as file:
        entry = group_of(file, "entry", "NXentry")
        entry["title"] = "An instrument like LoKI"
        instrument = group_of(entry, "instrument", "NXinstrument")
        instrument["name"] = "LOKI"
        place(group_of(instrument, "source", "NXsource"), [("translation", -23.6, (0, 0, 1))])
        group_of(entry, "sample", "NXsample")["depends_on"] = "."
        first = 1
        for number in range(len(BANKS)):
            first += bank(instrument, number, first)
        for number, z in enumerate(MONITORS):
            monitor(instrument, number, z)
        for settings in CHOPPERS:
            chopper(instrument, *settings)
        for settings in MOTORS:
            motor(instrument, *settings)
        for name, source, topic, unit, values in logs():
            found = log(entry, name, topic, source, unit, values)
            if name.startswith(WITH_ALARMS):
                field(found, "alarm_severity", np.zeros(1, np.int16))
                field(found, "connection_status", np.full(1, 1, np.int16))


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    write_description(folder / "loki_like.nxs")
