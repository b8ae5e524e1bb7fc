"""A run of the Director that Sardana plays, point by point, and the events of each trigger."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

from tango import DevState

from donki.errors import DonkiError, NotAllowedError
from donki.threads import Threads
from donki_client.api.director import Director
from donki_client.api.errors import SequenceError
from donki_client.api.snapshot import Snapshot
from donki_client.api.waiting import Waiting

#: How long the end of a run is waited for before another one, in s: a client of a Pool waits 3 s for both.
END_PATIENCE = 1.0


@dataclass
class Point:
    """One acquisition: some triggers, one after another.

    Attributes
    ----------
    triggers
        how many it has
    first
        the last trigger before it
    counted
        the events of each that is complete, by Player
    is_over
        whether nothing more is to come
    failure
        why it ended before its last trigger; empty where it did not
    """

    triggers: int
    first: int = 0
    counted: list[Mapping[str, int]] = field(default_factory=list)
    is_over: bool = False
    failure: str = ""


class ScanRun:
    """The run of one Director that the controllers of a Pool play together: one for all points of a scan.

    `prepare` begins it, `play` plays a point of it, `look` follows that. After the last point it is ended.
    A run that somebody else has begun is never touched.

    Parameters
    ----------
    device
        the Director's name in the Tango database, or a full ``tango://host:port/...`` name
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._director: Director | None = None
        self._waiting = Waiting(device, None, None)
        self._run_id = ""
        self._points_left = 0
        self._point: Point | None = None
        self._before: dict[str, float] = {}
        self._lock = threading.RLock()
        self._threads = Threads()
        self._timer: threading.Timer | None = None

    def prepare(self, points: int) -> None:
        """Set the Players up for so many points, and hold them; if they are held for these already, keep it.

        Raises
        ------
        NotAllowedError
            while the Director plays a run that was not begun here
        SequenceError
            when a Player cannot be set up
        """
        with self._lock:
            director = self._connected()
            if self._is_ours(director.snapshot()) and self._point is None and self._points_left == points:
                return
            self._leave()
            director.check_idle()
            director.arm()
            now = director.snapshot()
            self._waiting = Waiting(self._device, None, None)
            self._waiting.pause(now)
            self._run_id, self._points_left, self._point = now.run_id, points, None

    @property
    def players(self) -> Collection[str]:
        """The names of the Director's Players."""
        return [player.name for player in self._connected().players]

    def expect(self) -> None:
        """Forget the last point: the next one is played by another controller."""
        with self._lock:
            self._point = None

    def play(self, triggers: int, period: float, delay: float = 0.0) -> None:
        """Play the next point; returns at once, `look` tells the result.

        Parameters
        ----------
        triggers
            how many
        period
            from one to the next, in s
        delay
            before the first, in s
        """
        self.expect()

        def send() -> None:
            with self._new_point(triggers) as point:
                self._step(point, period)

        self._timer = self._threads.start_after(delay, "triggers", send)

    def count(self, seconds: float) -> None:
        """Play the next point, as `play`: as many triggers as that time has periods, at least one."""
        with self._new_point(triggers=1) as point:
            if period := self._connected().period:
                point.triggers = max(1, round(seconds / period))
            self._step(point)

    def look(self) -> Point | None:
        """Return the point in progress, or the last one, with what has come of it by now; None before it."""
        with self._lock:
            point = self._point
            if point and not point.is_over:
                with _telling(point):
                    self._follow(point)
            return point

    def stop(self) -> None:
        """End the run after the trigger in progress, if it was begun here."""
        with self._lock:
            self._leave()

    def abort(self) -> None:
        """End the run now, if it was begun here: scripts in progress are told to give up."""
        with self._lock:
            self._leave(aborted=True)

    @contextmanager
    def _new_point(self, triggers: int) -> Iterator[Point]:
        with self._lock:
            self._point = Point(triggers)
            with _telling(self._point):
                yield self._point

    def _step(self, point: Point, period: float | None = None) -> None:
        if not self._points_left:
            raise NotAllowedError(f"{self._device}: no point is left; prepare the measurement group")
        self._points_left -= 1
        director = self._connected()
        point.first = director.trigger_events().completed
        self._set("step_triggers", point.triggers)
        if period is not None:
            self._set("period", period)
        director.step()

    def _follow(self, point: Point) -> None:
        director = self._connected()
        now = director.snapshot()
        in_progress = self._waiting.pause(now) > 0
        if now.current_trigger > point.first + len(point.counted):
            self._count(point)
        is_counted = len(point.counted) == point.triggers
        if not in_progress:
            self._restore(now)
            self._waiting.result(now)
            if not is_counted:
                raise SequenceError(f"run {now.run_id} was ended at trigger {now.current_trigger}")
            point.is_over = True
        elif is_counted and not self._points_left:
            with suppress(NotAllowedError):  # it ends just now
                director.stop()
        elif is_counted and now.state == DevState.STANDBY:
            point.is_over = True
        elif now.current_trigger > point.first + point.triggers:
            # Somebody paused the run and resumed it: now it would go on for ever.
            with suppress(NotAllowedError):
                director.pause()

    def _count(self, point: Point) -> None:
        events = self._connected().trigger_events()
        if events.run_id != self._run_id:  # that the run is over is told by the next look
            return
        fresh = events.after(point.first + len(point.counted)).values()
        point.counted.extend(list(fresh)[: point.triggers - len(point.counted)])

    def _leave(self, *, aborted: bool = False) -> None:
        """End the run that was begun here, if it is still in progress."""
        self._points_left = 0
        if self._timer:
            self._timer.cancel()
        self._point = self._point or Point(0)
        self._point.is_over = True
        if not self._run_id:
            return
        director = self._connected()
        if self._is_ours(director.snapshot()):
            with suppress(NotAllowedError):  # it ends just now
                director.abort() if aborted else director.stop()
            with suppress(SequenceError, TimeoutError):
                director.wait(END_PATIENCE)
        self._restore(director.snapshot())

    def _set(self, name: str, value: float) -> None:
        """Set an attribute of the Director until the end of the run."""
        director = self._connected()
        present = getattr(director, name)
        if value != present:
            self._before.setdefault(name, present)
            setattr(director, name, value)

    def _restore(self, now: Snapshot) -> None:
        """Set the Director as it was before the run, unless it plays another one by now."""
        if self._is_ours(now) or not now.in_progress:
            for name, value in self._before.items():
                setattr(self._connected(), name, value)
        self._before = {}
        self._run_id = ""

    def _is_ours(self, now: Snapshot) -> bool:
        return now.in_progress and now.run_id == self._run_id

    def _connected(self) -> Director:
        if self._director is None:
            self._director = Director(self._device)
        return self._director


@contextmanager
def _telling(point: Point) -> Iterator[None]:
    """Let the point tell what goes wrong: Sardana only logs what is raised while it acquires."""
    try:
        yield
    except DonkiError as error:
        point.failure, point.is_over = str(error), True


@cache
def scan_run(device: str) -> ScanRun:
    """Return the run of a Director that the controllers of this Pool share."""
    return ScanRun(device)
