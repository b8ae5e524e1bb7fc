"""Values that a control system logs: f144, their alarms (al00) and their connections (ep01).

Parameters: ``logs``, an object with one for each log, by its name::

    {"logs": {"temperature": {"topic": "loki_sample_env", "source": "SE:T", "units": "K", "signal": "ramp",
                              "low": 300, "high": 350, "duration": 600, "period": 10}}}

topic, source
    where its messages go and the name that they carry
module
    ``f144`` (default); ``al00`` or ``ep01`` where only its alarms or its connection are sent
units, dtype
    of the value; ``dtype`` is a numpy type, by default ``float64``, whole numbers are rounded
signal
    ``constant`` (default): ``value``, 0 by default; ``ramp``: from ``low`` to ``high`` in ``duration`` s,
    where it stays; ``walk``: at random from sample to sample, with the standard deviation ``step`` (by
    default a hundredth of the range), between ``low`` and ``high``, from ``value`` (by default their
    middle); ``noise``: about ``value``; ``sine``: between ``low`` and ``high`` in a ``cycle`` of so many
    s; ``replay``: the log at ``path``, a group with value and time, of the NeXus ``file``, with its own
    times, over and over
noise
    standard deviation of a reading, 0 by default, of the signal ``noise`` 1
period
    from sample to sample, in s, 1 by default. All logs are sampled at the beginning, then each at a time of
    its own, so that they do not all come at one trigger. A value that has not changed is sent again with
    the time of its change, in a Kafka record of now, as the EPICS forwarder repeats the last message of a PV
alarms, limits
    whether its alarms are sent too: OK, or MINOR with LOW or HIGH where a reading is outside ``limits``,
    two values, by default ``low`` and ``high``; the first alarm and each that differs from the one before
connection
    whether CONNECTED is sent at the beginning; or a list of triggers and states, as ``[[50,
    "DISCONNECTED"], [60, "CONNECTED"]]``: while it is not CONNECTED, the last value is repeated
"""

from donki.instrument.parameters import LogsParameters, read_parameters
from donki.instrument.playing import PlayedLog, make_devices

logs = ()


def setup(player):
    global logs
    asked = read_parameters(LogsParameters, player.parameters)
    logs = make_devices(PlayedLog, "logs", asked.logs, player)


def action(trigger):
    for log in logs:
        log.act(trigger)
