"""The sample's surroundings: logs of temperature, field and a linear scan of pressures."""

import numpy as np


def get_data_names():
    return ["temperature", "field", "pressures"]


def action(trigger, player):
    rng = player.rng(trigger)
    setpoint = player.parameters.get("temperature", 290.0)  # K
    return {
        "temperature": setpoint + 0.02 * rng.standard_normal(),
        "field": 0.5 * np.sin(2 * np.pi * trigger / 140),  # T, a period of 10 s at 14 Hz
        "pressures": np.linspace(1.0, 2.0, 8) + 1e-3 * rng.standard_normal(8),  # bar
    }
