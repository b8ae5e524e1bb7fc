"""The smallest action script: at each trigger, wait 0.1 s and leave a line in the Player's log."""

import time


def action(trigger):
    time.sleep(0.1)
    return {"playerlog": f"trigger {trigger} done"}
