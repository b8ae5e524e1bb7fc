"""Streams two banks as an event formation unit: pulses are empty, late, split and between those of others.

Parameters: `topic`, `failures` (how many attempts fail, by trigger).
"""

PULSE = 71_428_571  # ns


def action(trigger, player):
    rng = player.rng(trigger)
    topic = player.parameters["topic"]
    banks = [
        player.events(
            topic, f"bank{number}", profile="efu", events_per_message=50, detector_number=range(1, 1000)
        )
        for number in range(2)
    ]
    for turn in range(4):
        # The last part belongs to the pulse before.
        time = trigger.reference_time - (turn == 3) * PULSE
        size = int(rng.choice([0, 7, 120])) if turn else 50
        columns = rng.integers(1, PULSE, size), rng.integers(1, 1000, size)
        banks[turn % 2].send(trigger, *columns, reference_time=time)
    player.series(topic, "T").send(trigger, float(rng.normal(300)))
    if trigger.attempt <= player.parameters.get("failures", {}).get(str(int(trigger)), 0):
        raise RuntimeError("after the fact")
