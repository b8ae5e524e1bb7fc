"""The commands of ``donki``, each a file of this folder that is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

#: The commands in the order in which one meets them, by heading: where a command is registered.
SECTIONS = {
    "Begin": ("demo", "director", "player", "broker"),
    "Play": ("instrument", "run", "check", "shell", "panel"),
    "Look at what was played": ("report", "check-data", "rewrite"),
    "Kafka topics": ("record", "replay"),
    "Operate": ("deploy",),
}


class CommandGroup(click.Group):
    """The commands of `SECTIONS`: ``check-data`` is the function ``check_data`` in the module ``check_data``.

    Each imports what it needs when it is called: what the others need takes half a second.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of `SECTIONS`."""
        return [*(name for names in SECTIONS.values() for name in names), *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None where there is none of that name."""
        if not any(cmd_name in names for names in SECTIONS.values()):
            return super().get_command(ctx, cmd_name)
        function = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"donki_client.commands.{function}"), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lists; what is in no section comes last."""
        listed = [name for names in SECTIONS.values() for name in names]
        others = tuple(name for name in self.list_commands(ctx) if name not in listed)
        width = max(map(len, self.list_commands(ctx)))
        for heading, names in {**SECTIONS, "Other": others}.items():
            found = [(name, command) for name in names if (command := self.get_command(ctx, name))]
            if not found:
                continue
            with formatter.section(heading):
                limit = formatter.width - width - 6
                formatter.write_dl(
                    [(name.ljust(width), command.get_short_help_str(limit)) for name, command in found]
                )
