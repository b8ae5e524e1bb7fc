"""Who is called for what a run asks of its Players: each by itself, or many of one server by one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from donki.director.conducting.answer import Answer
from donki.director.conducting.player_worker import PlayerWorker
from donki.director.conducting.server_worker import ServerWorker
from donki.director.output.run_record import RunRecord
from donki.director.players.asking import by_server
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Ask
from donki.run import Run
from donki.threads import Threads


class PlayerCalls:
    """Calls the Players of one run. To be used by one thread.

    Parameters
    ----------
    entries
        the Players
    run, answered, record, threads
        as `PlayerWorker` takes them
    """

    def __init__(
        self,
        entries: Iterable[RosterEntry],
        run: Run,
        answered: Callable[[Answer], None],
        record: RunRecord,
        threads: Threads,
    ) -> None:
        entries = list(entries)
        self._workers = {entry.name: PlayerWorker(entry, run, answered, record, threads) for entry in entries}
        self._servers: dict[str, ServerWorker] = {}
        for group in by_server(entries):
            if len(group) > 1:
                server = ServerWorker(f"of {group[0].name}", threads)
                self._servers |= dict.fromkeys([entry.name for entry in group], server)

    @property
    def players(self) -> Iterable[str]:
        """Their names."""
        return self._workers.keys()

    def device(self, player: str) -> str | None:
        """Return the device of a Player; None where it does not take part."""
        worker = self._workers.get(player)
        return worker.entry.device if worker else None

    def ask(self, ask: Ask, argument: str) -> None:
        """Have Players do something, with the same argument."""
        for server, workers in self._by_server(ask.players):
            if server:
                server.ask(ask, argument, workers)
            else:
                for worker in workers:
                    worker.ask(ask, argument)

    def give_up(self, players: Iterable[str]) -> None:
        """Tell busy Players to give up; others take over their parts."""
        for server, workers in self._by_server(players):
            if server:
                server.abort(workers)
            for worker in workers:
                self._workers[worker.entry.name] = worker.give_up(tells=server is None)

    def end(self) -> None:
        """Let all threads end when they have done what they were asked."""
        for server in set(self._servers.values()):
            server.end()
        for worker in self._workers.values():
            worker.end()

    def _by_server(
        self, players: Iterable[str]
    ) -> Iterable[tuple[ServerWorker | None, Sequence[PlayerWorker]]]:
        """Return who is called by one call, by server; with None, those that are called each by itself."""
        alone: list[PlayerWorker] = []
        together: dict[ServerWorker, list[PlayerWorker]] = {}
        for player in players:
            worker = self._workers[player]
            server = self._servers.get(player)
            if server and not worker.is_alone:
                together.setdefault(server, []).append(worker)
            else:
                alone.append(worker)
        yield from together.items()
        yield None, alone
