"""Logs or raises the text that its Parameters give, letter by letter: as the numbers of Unicode."""


def action(trigger, player):
    if "error" in player.parameters:
        raise ValueError("".join(map(chr, player.parameters["error"])))
    player.log.info("%s", "".join(map(chr, player.parameters["log"])))
