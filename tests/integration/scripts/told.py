"""A series that file writers are told of, and one that is opened at the first trigger.

Parameters: `topic`.
"""


def setup(player):
    player.series(player.parameters["topic"], "early", unit="K")


def action(trigger, player):
    topic = player.parameters["topic"]
    player.series(topic, "early").send(trigger, 1.5)
    player.series(topic, "late").send(trigger, 2.5)
