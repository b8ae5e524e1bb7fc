"""How long a neutron flies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# CODATA 2022, https://physics.nist.gov/cuu/Constants: h and e are exact, the mass is known to 5e-10.
PLANCK = 6.62607015e-34
"""J s"""
NEUTRON_MASS = 1.67492750056e-27
"""kg"""
MILLIELECTRONVOLT = 1.602176634e-22
"""J"""


def wavelength_to_time(wavelength: NDArray[np.float64], flight_path: float) -> NDArray[np.float64]:
    """Return the time of flight in s of neutrons of a wavelength in angstrom over a flight path in m.

    t = m_n L λ / h, de Broglie's relation for v = L / t.
    """
    return wavelength * (1e-10 * NEUTRON_MASS * flight_path / PLANCK)


def energy_to_time(energy: NDArray[np.float64], flight_path: float) -> NDArray[np.float64]:
    """Return the time of flight in s of neutrons of a kinetic energy in meV over a flight path in m.

    t = L √(m_n / 2E); infinite at no energy.
    """
    with np.errstate(divide="ignore"):
        return flight_path * np.sqrt(NEUTRON_MASS / (2 * MILLIELECTRONVOLT * energy))
