"""The list of commands that ``donki --help`` shows: by what they are for, not by the alphabet."""

from __future__ import annotations

import click

#: The commands in the order in which one meets them, by heading.
SECTIONS = {
    "Begin": ("demo", "director", "player", "broker"),
    "Play": ("run", "check", "shell", "panel"),
    "Look at what was played": ("report", "check-data"),
    "Kafka topics": ("record", "replay"),
}


class SectionedGroup(click.Group):
    """A group of commands with a list of them under each of `SECTIONS`."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lists; what is in no section comes last."""
        listed = [name for names in SECTIONS.values() for name in names]
        others = tuple(name for name in self.list_commands(ctx) if name not in listed)
        width = max(map(len, self.commands))
        for heading, names in {**SECTIONS, "Other": others}.items():
            found = [(name, command) for name in names if (command := self.get_command(ctx, name))]
            if not found:
                continue
            with formatter.section(heading):
                limit = formatter.width - width - 6
                formatter.write_dl(
                    [(name.ljust(width), command.get_short_help_str(limit)) for name, command in found]
                )
