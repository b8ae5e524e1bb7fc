"""Set priorities and disable Players: ``python set_priorities.py DIRECTOR PLAYER=PRIORITY...``; −1 disables.

Needs PyTango alone, and TANGO_HOST. Also while a sequence runs: a priority holds from the next trigger on.
"""

import sys

import tango


def main(device: str, *settings: str) -> int:
    """Return 0 where all priorities were set."""
    director = tango.DeviceProxy(device)
    pairs = [setting.split("=") for setting in settings]
    try:
        director.SetPriority([[int(priority) for _, priority in pairs], [player for player, _ in pairs]])
    except tango.DevFailed as failed:
        print(failed.args[0].desc, file=sys.stderr)
        return 1
    for player, priority in sorted(
        zip(director.Players, director.Priorities, strict=True), key=lambda each: each[1]
    ):
        print(f"{player:16} {'disabled' if priority < 0 else priority}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
