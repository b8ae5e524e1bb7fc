"""Motors: read-back, set point and whether they move, along moves or a scan.

Parameters: ``motors``, an object with one for each motor, by its name::

    {"motors": {"x": {"topic": "loki_motion", "read_back": "X.RBV", "set_point": "X.VAL", "units": "mm",
                      "velocity": 2, "acceleration": 4, "low": -10, "high": 10,
                      "scan": {"from": -5, "to": 5, "points": 11, "every": 140}}}}

topic
    where its messages go (f144)
read_back, set_point, moving, done_moving
    the names that they carry, at least one; ``moving`` is 1 while it moves (MOVN), ``done_moving`` 0
    (DMOV)
units
    of the position
position
    at the beginning, 0 by default
velocity, acceleration
    units a second, and a second each second; the velocity has a trapezoidal profile
tolerance
    how far from the set point it may come to rest, 0 by default
noise
    standard deviation of the read-back, 0 by default
low, high
    limits; what leads beyond them is refused
moves
    triggers and where it goes then, as ``[[10, 5.0], [20, 0.0]]``; or
scan
    ``points`` evenly spaced ``from`` a position ``to`` another, one ``every`` so many triggers (1 by
    default), beginning at the trigger ``first`` (1 by default)
update
    how often the read-back is sent while it moves, in Hz, 10 by default
period
    how often all is sent while it rests, in s, 10 by default; as logs.py repeats a value
"""

from donki.instrument.parameters import MotionParameters, read_parameters
from donki.instrument.playing import PlayedMotor, make_devices

motors = ()


def setup(player):
    global motors
    asked = read_parameters(MotionParameters, player.parameters)
    motors = make_devices(PlayedMotor, "motors", asked.motors, player)


def action(trigger):
    for motor in motors:
        motor.act(trigger)
