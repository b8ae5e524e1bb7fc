"""Make the sample data of this folder: ``python make_samples.py [FOLDER]``; needs numpy alone.

A small ray trace stands in for a McStas simulation of a SANS instrument at ESS. Its rays are written in the
text format of McStas 3: summed by weight into histograms, and one by one into a list of events.

- A cold moderator sends pulses of 2.86 ms, 14 a second, of the Maxwellian wavelength spectrum
  2 a² λ⁻⁵ exp(-a / λ²), a = h² / (2 m k T) = 949.2 K Å² / T (that of McStas' Source_Maxwell_3), at T = 50 K.
- Choppers cut the band from 3 to 11 Å; each of its edges is 0.3 Å wide.
- 23.5 m behind the moderator a dilute sample of spheres of radius R = 50 Å scatters with their form factor
  [3 (sin qR - qR cos qR) / (qR)³]², q = 4π sin(θ/2) / λ, on a flat background of 2·10⁻³.
- 5 m further stands a panel of 1 m × 1 m with a beam stop of 4 cm radius in its middle.
- Weights are scaled so that 12,000 neutrons a pulse reach the panel.

==========  ===========================================================================
lambda.dat  L_monitor: intensity by wavelength
tof.dat     TOF_monitor: intensity by time of flight, from the start of the pulse
psd.dat     PSD_monitor: intensity by position
events.dat  Monitor_nD with the option list: the first 1,500 rays
==========  ===========================================================================
"""

import sys
from pathlib import Path

import numpy as np

RAYS = 200_000
LISTED = 1_500
SEED = 20_261_122

PULSE_RATE = 14.0  # Hz
PULSE_LENGTH = 2.86e-3  # s
NEUTRONS_A_PULSE = 12_000
MAXWELL = 949.2 / 50.0  # Å²
BAND, PENUMBRA = (3.0, 11.0), 0.3  # Å
MODERATOR_TO_SAMPLE = 23.5  # m
SPHERE = 50.0  # Å
BACKGROUND = 2e-3
SAMPLE_TO_PANEL = 5.0  # m
PANEL = 1.0  # m
BEAM_STOP = 0.04  # m
SPEED_TIMES_WAVELENGTH = 3956.034  # m/s Å, h / m


def trace(rng):
    """Return the columns of the rays on the panel, p (n/s), x, y, z (m), vx, vy, vz (m/s), t (s), by name."""
    wavelength = rng.uniform(BAND[0] - PENUMBRA, BAND[1] + PENUMBRA, RAYS)
    start = rng.uniform(0, PULSE_LENGTH, RAYS)
    radius = rng.uniform(BEAM_STOP, PANEL / np.sqrt(2), RAYS)
    azimuth = rng.uniform(-np.pi, np.pi, RAYS)

    x, y, distance = radius * np.cos(azimuth), radius * np.sin(azimuth), np.hypot(radius, SAMPLE_TO_PANEL)
    qr = SPHERE * 4 * np.pi * np.sin(np.arctan2(radius, SAMPLE_TO_PANEL) / 2) / wavelength
    form = (3 * (np.sin(qr) - qr * np.cos(qr)) / qr**3) ** 2
    spectrum = 2 * MAXWELL**2 * wavelength**-5.0 * np.exp(-MAXWELL / wavelength**2)
    choppers = np.clip(np.minimum(wavelength - BAND[0], BAND[1] - wavelength) / PENUMBRA + 0.5, 0, 1)
    # Rays are even in radius, so each stands for a solid angle that grows with it.
    solid_angle = radius * SAMPLE_TO_PANEL / distance**3
    p = spectrum * choppers * (form + BACKGROUND) * solid_angle
    on_panel = (np.maximum(np.abs(x), np.abs(y)) < PANEL / 2) & (p > 0)
    p *= NEUTRONS_A_PULSE * PULSE_RATE / p[on_panel].sum()

    speed = SPEED_TIMES_WAVELENGTH / wavelength
    columns = {
        "p": p,
        "x": x,
        "y": y,
        "z": np.zeros(RAYS),
        "vx": speed * x / distance,
        "vy": speed * y / distance,
        "vz": speed * SAMPLE_TO_PANEL / distance,
        "t": start + (MODERATOR_TO_SAMPLE + distance) / speed,
    }
    return {name: column[on_panel] for name, column in columns.items()}


def histogram(p, *axes):
    """Return I, its standard deviation and the rays in each bin; an axis is (values, low, high, bins)."""
    values = [axis[0] for axis in axes]
    edges = [np.linspace(low, high, bins + 1) for _, low, high, bins in axes]
    total, squares, rays = (np.histogramdd(values, edges, weights=each)[0] for each in (p, p**2, None))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(rays / (rays - 1) * np.maximum(squares - total**2 / rays, 0))
    return total, np.where(rays > 1, error, total), rays


def header(filename, *, component, title, kind, form="McCode", **lines):
    """Return the lines above the data."""
    lines = {
        "Format": f"{form} with text headers",
        "URL": "http://www.mccode.org",
        "Creator": "make_samples.py",
        "Instrument": "make_samples.py",
        "Ncount": RAYS,
        "Trace": "no",
        "Gravitation": "no",
        "Seed": SEED,
        "Directory": ".",
        "Date": "Sun Nov 22 12:00:00 2026 (1795348800)",
        "type": kind,
        "Source": "make_samples (make_samples.py)",
        "component": component,
        "position": f"0 0 {MODERATOR_TO_SAMPLE + SAMPLE_TO_PANEL:g}",
        "title": title,
        "filename": filename,
        **lines,
    }
    return "".join(f"# {key}: {value}\n" for key, value in lines.items())


def rows(table):
    """Return the lines of a table of numbers."""
    return "".join("".join(f"{value:.10g} " for value in row) + "\n" for row in table)


def monitor_1d(filename, p, axis, *, component, title, variable, label):
    """Return the text of a monitor of one axis."""
    _, low, high, bins = axis
    columns = histogram(p, axis)
    head = header(
        filename,
        component=component,
        title=title,
        kind=f"array_1d({bins})",
        values=f"{p.sum():g} {np.sqrt((p**2).sum()):g} {len(p)}",
        xvar=variable,
        yvar="(I,I_err)",
        xlabel=label,
        ylabel="Intensity",
        xlimits=f"{low:g} {high:g}",
        variables=f"{variable} I I_err N",
    )
    centre = low + (np.arange(bins) + 0.5) * (high - low) / bins
    return head + rows(np.column_stack([centre, *columns]))


def psd_monitor(filename, p, x, y, bins):
    """Return the text of a position-sensitive monitor; a line of numbers runs along x."""
    edge = PANEL / 2 * 100
    text = header(
        filename,
        component="panel",
        title="PSD monitor",
        kind=f"array_2d({bins}, {bins})",
        values=f"{p.sum():g} {np.sqrt((p**2).sum()):g} {len(p)}",
        xvar="X ",
        yvar="Y ",
        xlabel="X position [cm]",
        ylabel="Y position [cm]",
        zvar="I",
        zlabel="Signal per bin",
        xylimits=f"{-edge:g} {edge:g} {-edge:g} {edge:g}",
        variables="I I_err N",
    )
    blocks = histogram(p, (y * 100, -edge, edge, bins), (x * 100, -edge, edge, bins))
    for block, name, values in zip(("Data", "Errors", "Events"), ("I", "I_err", "N"), blocks, strict=True):
        text += f"# {block} [panel/{filename}] {name}:\n{rows(values)}"
    return text


def event_list(filename, rays):
    """Return the text of a list of the first rays."""
    names = " ".join(rays)
    head = header(
        filename,
        component="panel",
        title=" Intensity Position Velocity Time_Of_Flight Monitor (Square)",
        kind=f"array_2d({len(rays)}, {LISTED})",
        form="McCode list",
        xvar="Li",
        yvar="p ",
        xlabel="List of neutron events",
        ylabel=f"{names} ",
        zvar="I",
        zlabel="Signal per bin",
        xylimits=f"1 {LISTED} 1 {len(rays)}",
        variables=f"{names} ",
    )
    table = np.column_stack([column[:LISTED] for column in rays.values()])
    return f"{head}# Data [panel/{filename}] I:\n{rows(table)}"


def samples():
    """Return the text of each sample file by its name."""
    rays = trace(np.random.default_rng(SEED))
    p, x, y, time = (rays[name] for name in ("p", "x", "y", "t"))
    wavelength = SPEED_TIMES_WAVELENGTH / np.sqrt(rays["vx"] ** 2 + rays["vy"] ** 2 + rays["vz"] ** 2)
    return {
        "lambda.dat": monitor_1d(
            "lambda.dat",
            p,
            (wavelength, 2, 12, 100),
            component="panel_l",
            title="Wavelength monitor",
            variable="L",
            label="Wavelength [AA]",
        ),
        "tof.dat": monitor_1d(
            "tof.dat",
            p,
            (time * 1e6, 20e3, 85e3, 130),
            component="panel_t",
            title="Time-of-flight monitor",
            variable="t",
            label="Time-of-flight [\\gms]",
        ),
        "psd.dat": psd_monitor("psd.dat", p, x, y, bins=48),
        "events.dat": event_list("events.dat", rays),
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, text in samples().items():
        (folder / name).write_text(text, encoding="ascii", newline="\n")
