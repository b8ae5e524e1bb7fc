"""Choppers: speed, phase and delay with their set points, and the times of top dead centre (tdct).

Parameters: ``choppers``, an object with one for each chopper, by its name::

    {"choppers": {"bw1": {"topic": "loki_choppers", "frequency": -14, "delay_ns": 12e6,
                          "speed": {"source": "BW1:Spd_R", "set_point_source": "BW1:Spd_S"},
                          "delay": {"source": "BW1:TotDly"}, "top_dead_centre": {"source": "BW1:TDC"}}}}

topic
    where speed, phase and delay go
speed, phase, delay
    ``source`` and ``set_point_source``: the names of read-back and set point (f144); ``units``: what they
    are sent in, by default Hz, deg and ns, else for instance rpm, rad, us; ``noise``: standard deviation
    of the read-back, in Hz, degrees or ns, by default that of the jitter, of the speed 0
top_dead_centre
    ``source``: the name of its times (tdct); ``topic``, where they go to another one
frequency
    in Hz, 14 by default; negative for clockwise, seen from the source. In step with the triggers, which
    are the pulses of the source, where it is a multiple of their rate or a whole part of it
delay_ns, phase_deg
    from a pulse to top dead centre, one of them: the phase is 360 degrees times frequency times delay
jitter_ns
    standard deviation of top dead centre, 100 by default
acceleration, lock_time
    in Hz/s, 0.5 by default; and how long it takes to find its phase at full speed, in s, 5 by default
program
    triggers and what it is told then: ``park``, ``spin``, ``lock``, ``lose_lock``. Before the first it
    stands if that is ``spin`` or ``lock``, else it is locked
period
    how often all is sent, in s, 1 by default; ten times a second while the speed changes
"""

from donki.instrument.parameters import ChoppersParameters, read_parameters
from donki.instrument.playing import PlayedChopper, make_devices

choppers = ()


def setup(player):
    global choppers
    asked = read_parameters(ChoppersParameters, player.parameters)
    choppers = make_devices(PlayedChopper, "choppers", asked.choppers, player)


def action(trigger):
    for chopper in choppers:
        chopper.act(trigger)
