"""The attributes that make a Player of a Director."""

from __future__ import annotations

from tango import DispLevel

from donki.device.commands import attribute
from donki.player.interface.settings_attributes import SettingsAttributes
from donki.player.settings import Settings

_EXPERT = {"dtype": str, "display_level": DispLevel.EXPERT}


class SectionAttributes:
    """Stands before the device among the bases of its class."""

    settings: Settings

    def use_settings(self) -> None:
        """Do nothing: what was set is read where it counts."""

    Priority = SettingsAttributes.Priority
    Timeout = SettingsAttributes.Timeout
    OnError = SettingsAttributes.OnError
    Retries = SettingsAttributes.Retries
    Run = attribute(
        lambda section: section.runs.present.to_json(),
        label="Run",
        doc="JSON object of the present run, or the last one, as the Director above has it: version, id, "
        "title, metadata, seed and director.",
        **_EXPERT,
    )
    Parameters = attribute(
        lambda section: section.runs.place.to_json(),
        label="Parameters",
        doc="JSON object of what the journal of the Director above keeps of the section: the full name of "
        "its device, its host, the path of its journal there, and the sections that play in it.",
        **_EXPERT,
    )
    Script = attribute(
        lambda _section: "", label="Action script", doc="Empty: a section has Players for it.", **_EXPERT
    )
    ScriptHash = attribute(
        lambda _section: "", label="Hash of the script", doc="Empty, as Script.", **_EXPERT
    )
    Faults = attribute(
        lambda _section: "[]", label="Faults", doc="None: they are set at the section's Players.", **_EXPERT
    )
