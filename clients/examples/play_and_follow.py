"""Play a sequence and follow it by events: ``python play_and_follow.py [DIRECTOR [TRIGGERS]]``.

Needs PyTango alone, and TANGO_HOST.
"""

import queue
import sys

import tango

SHOWN = ("CurrentTrigger", "Progress", "RemainingTime")
GOING_ON = (tango.DevState.RUNNING, tango.DevState.ALARM, tango.DevState.STANDBY)


def main(device: str = "donki/director/1", triggers: str = "20") -> int:
    """Return 0 where the sequence was played to its end."""
    director = tango.DeviceProxy(device)
    events: queue.Queue[tango.EventData] = queue.Queue()
    subscriptions = [
        director.subscribe_event(name, tango.EventType.CHANGE_EVENT, events.put) for name in SHOWN
    ]
    # Tango writes them small in all events but the first.
    names = {name.lower(): name for name in SHOWN}
    try:
        director.Triggers = int(triggers)
        director.Start()
        # Events tell how it goes; whether it goes on is asked, for a network may lose an event.
        while True:
            goes_on = director.state() in GOING_ON
            try:
                # The last ones may come after the end.
                event = events.get(timeout=1 if goes_on else 0.2)
            except queue.Empty:
                if goes_on:
                    continue
                break
            if event.err:
                print(event.errors[0].desc, file=sys.stderr)
            else:
                print(names[event.attr_value.name.lower()], event.attr_value.value, flush=True)
    finally:
        for subscription in subscriptions:
            director.unsubscribe_event(subscription)
    if director.state() == tango.DevState.FAULT:
        print(director.LastError, file=sys.stderr)
        return 1
    print(f"played {director.CurrentTrigger} of {director.Triggers} triggers, run {director.RunId}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
