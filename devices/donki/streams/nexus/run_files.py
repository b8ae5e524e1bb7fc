"""The NeXus files of one Player in one run, and when one ends and the next begins."""

from __future__ import annotations

from pathlib import Path

from donki.errors import DonkiError, FileError
from donki.run import Run
from donki.streams.nexus.compression_names import check_compression
from donki.streams.nexus.file import NexusFile
from donki.streams.nexus.file_names import FileNames, check_file_triggers


class RunFiles:
    """Has the file that is written, and so many triggers in each.

    Parameters
    ----------
    folder
        where the files go; None for no file
    pattern
        of their names, as `check_file_name` takes it. Where there is a file of that name, from before the
        Player died or the run was taken up, the next is ``RUN_PLAYER+2.nxs`` and so on
    triggers
        in a file; 0 for all of the run
    compression
        of files that are finished, as `check_compression` takes it; empty for none
    run, player
        whose data these are

    Attributes
    ----------
    file
        takes the data; None where there are no files
    earlier
        files of the Player in this run that were there already

    Raises
    ------
    InputError
        when one of these is not what it should be
    FileError
        when the file cannot be made
    """

    def __init__(
        self, folder: Path | None, pattern: str, triggers: int, compression: str, run: Run, player: str
    ) -> None:
        check_file_triggers(triggers)
        check_compression(compression)
        self.file: NexusFile | None = None
        self._names: FileNames | None = None
        self._triggers = triggers
        self._triggers_in_file = 0
        self._failure: DonkiError | None = None
        self.earlier: tuple[Path, ...] = ()
        if folder is not None:
            self._names = FileNames(folder, pattern, run.id, player)
            self.earlier = self._names.paths
            self._names.check_folder()
            self.file = NexusFile(self._names, run, player, compression=compression)
            # Where the name tells the first trigger, the file waits for it.
            if not self._names.need_trigger:
                self.file.begin()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The present and the earlier files of the Player in this run, in order."""
        return self._names.paths if self._names else ()

    def take_gone(self) -> tuple[Path, ...]:
        """Return, once, the files that were there when a trigger began, and are not any more."""
        return self._names.take_gone() if self._names else ()

    def begin(self, trigger: int) -> None:
        """Take that a trigger begins, which may be the first of a file.

        Raises
        ------
        FileError
            when the file before could not be finished
        """
        if self._names is not None:
            self._names.begin(trigger)
        self.check()

    def check(self) -> None:
        """Raise, once, that a file could not be finished."""
        failure, self._failure = self._failure, None
        if failure:
            raise failure

    def count(self, trigger: int) -> bool:
        """Take that a trigger was committed; return whether it was the last of the file, which is closed."""
        self._triggers_in_file += 1
        if self.file is None or self._names is None or not 0 < self._triggers <= self._triggers_in_file:
            return False
        self._triggers_in_file = 0
        # What a thread of the script sends before the next trigger begins the next file.
        self._names.trigger = trigger + 1
        try:
            self.file.close()
        except FileError as error:
            # This trigger is done; the next one says it.
            self._failure = error
        return True
