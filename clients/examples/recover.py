"""Play a sequence to its end, whatever fails: ``python recover.py [DIRECTOR [TRIGGERS [RECOVERIES]]]``.

Needs PyTango alone, and TANGO_HOST. A run that failed is taken up after its last complete trigger.
"""

import sys
import time

import tango

GOING_ON = (tango.DevState.RUNNING, tango.DevState.ALARM, tango.DevState.STANDBY)


def wait(director: tango.DeviceProxy) -> tango.DevState:
    """Return the state in which the sequence has ended."""
    while (state := director.state()) in GOING_ON:
        time.sleep(0.1)
    return state


def main(device: str = "donki/director/1", triggers: str = "20", recoveries: str = "3") -> int:
    """Return 0 where the sequence came to its end."""
    director = tango.DeviceProxy(device)
    director.Triggers = int(triggers)
    director.Start()
    for _ in range(int(recoveries)):
        if wait(director) != tango.DevState.FAULT:
            break
        print(f"after trigger {director.CurrentTrigger}: {director.LastError}")
        # Here the cause is mended: a file system is mounted again, a script reloaded, a server restarted.
        for player in director.PlayerDeviceNames:
            tango.DeviceProxy(player).Reset()
        try:
            director.Recover()
        except tango.DevFailed as failed:
            print(failed.args[0].desc, file=sys.stderr)
            return 1
    is_whole = wait(director) == tango.DevState.ON
    print(f"run {director.RunId}: {director.CurrentTrigger} of {director.Triggers} triggers")
    return 0 if is_whole else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
