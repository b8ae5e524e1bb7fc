"""An area detector: at each trigger a frame with the rings of a powder that is heated."""

from donki.sources import DiffractionImage, Peaks, Ramp

aluminium = Peaks.cubic(4.046, "F", shortest=0.8, expansion=2.3e-5)
detector = DiffractionImage(256, 256, pixel=2e-3, distance=0.4, wavelength=1.2, peaks=aluminium, width=0.3)
temperature = Ramp(start=300, end=800, duration=60)  # K, s


def get_data_names():
    return ["image"]


def action(trigger, player):
    kelvin = float(temperature.at((trigger - 1) / 14))
    counts = player.parameters.get("counts", 500_000)
    return {"image": detector.sample(player.rng(trigger), counts=counts, temperature=kelvin)}
