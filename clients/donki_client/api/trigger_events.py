"""How many events the Players sent at each of the last triggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from donki.errors import DonkiError


@dataclass(frozen=True)
class TriggerEvents:
    """The events of the last complete triggers of a run, all of one moment.

    Attributes
    ----------
    run_id
        the run in progress or the last one
    completed
        its last complete trigger; 0 before the first
    by_player
        by name: the events of each trigger, the newest last; 0 for one that the Player missed
    """

    run_id: str
    completed: int
    by_player: Mapping[str, NDArray[np.int64]]

    def after(self, trigger: int) -> dict[int, dict[str, int]]:
        """Return the events of the complete triggers after this one: by trigger, by Player.

        Raises
        ------
        DonkiError
            when the Director no longer knows some of them
        """
        kept = max(map(len, self.by_player.values()), default=0)
        if self.completed - trigger > kept:
            raise DonkiError(
                f"the events of triggers {trigger + 1} to {self.completed - kept} of run {self.run_id} are "
                f"lost: the Director keeps those of the last {kept}; read them more often, or send fewer "
                "triggers a second"
            )
        return {
            number: {
                player: int(events[number - self.completed - 1]) for player, events in self.by_player.items()
            }
            for number in range(trigger + 1, self.completed + 1)
        }
