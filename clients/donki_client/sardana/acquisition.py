"""What the controllers of a Director have in common, for Sardana."""

from __future__ import annotations

from typing import Any, ClassVar

from sardana import State
from sardana.pool.controller import DefaultValue, Description, Type

from donki.errors import InputError
from donki_client.sardana.scan_run import Point, scan_run


class DirectorController:
    """Stands before the kind of controller among the bases of its class.

    Attributes
    ----------
    Director
        the property of that name
    """

    Director: str
    organization = "DonkiOrchestra"
    ctrl_properties: ClassVar = {
        "Director": {
            Type: str,
            Description: "Device name of the Director.",
            DefaultValue: "donki/director/1",
        },
    }

    def __init__(self, inst: str, props: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(inst, props, *args, **kwargs)  # type: ignore[call-arg]
        self._run = scan_run(self.Director)
        self._is_acquiring = False

    def StopOne(self, axis: int) -> None:
        """Do nothing: all axes are stopped together."""

    def StopAll(self) -> None:
        """End the run after the trigger in progress."""
        self._run.stop()

    def AbortOne(self, axis: int) -> None:
        """Do nothing: all axes are aborted together."""

    def AbortAll(self) -> None:
        """End the run now."""
        self._run.abort()

    def SendToCtrl(self, stream: str) -> str:
        """End the run that a scan has left, at the word ``stop``."""
        if stream != "stop":
            raise InputError(f"{stream!r} is not understood; 'stop' ends the run that a scan has left")
        self._run.stop()
        return ""

    def _prepare(self, points: int) -> None:
        """Begin a run for all the points to come."""
        self._is_acquiring = False
        self._run.prepare(points)

    def _look(self) -> tuple[State, str]:
        """Return how far the acquisition is; a failure stays until the next one."""
        state = _state_of(self._run.look()) if self._is_acquiring else (State.On, "ready")
        self._is_acquiring = state[0] != State.On
        return state


def _state_of(point: Point | None) -> tuple[State, str]:
    if point is None:
        return State.Moving, "waiting for the trigger/gate"
    if point.failure:
        return State.Fault, point.failure
    if point.is_over:
        return State.On, "ready"
    return State.Moving, f"{len(point.counted)} of {point.triggers} triggers"
