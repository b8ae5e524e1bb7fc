"""A device that fails at times: with the probability `failure`, decided by the run's seed alone."""


def action(trigger, player):
    # A further attempt at the same trigger has a fate of its own.
    fate = player.rng(trigger).random(trigger.attempt)[-1]
    player.wait(player.parameters.get("seconds", 0.005))
    if fate < player.parameters.get("failure", 0.1):
        raise RuntimeError(f"no answer from the hardware at trigger {trigger}, attempt {trigger.attempt}")
    return {"fate": fate}
