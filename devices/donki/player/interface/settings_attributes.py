"""What is set at a Player and kept in the database: its attributes that can be written."""

from __future__ import annotations

from typing import Any

from donki.device.base import DonkiDevice
from donki.device.commands import settable
from donki.device.publisher import ARCHIVED
from donki.device.set_points import MEMORIZED, rounded_numbers, whole_numbers
from donki.limits import (
    DISABLED,
    LEAST_TIMEOUT,
    MOST_PRIORITY,
    MOST_RETRIES,
    MOST_TIMEOUT,
    TIMEOUT_DECIMALS,
    OnError,
)
from donki.player.settings import Settings


def setting(name: str, field: str, **options: Any) -> Any:
    """Make a memorized attribute of a field of the `Settings`, which checks what is written.

    Parameters
    ----------
    name
        of the attribute
    field
        of the settings
    **options
        those of `tango.server.attribute`
    """

    def read(device: SettingsAttributes) -> Any:
        return getattr(device.settings, field)

    def write(device: SettingsAttributes, value: Any) -> None:
        getattr(device.settings, f"set_{field}")(value)
        device.use_settings()

    return settable(name, read, write, **options, **MEMORIZED)


class SettingsAttributes(DonkiDevice):
    """The memorized attributes of a Player but for its script, which is loaded too."""

    settings: Settings

    def use_settings(self) -> None:
        """Take up what was set."""
        raise NotImplementedError

    Priority = setting(
        "Priority",
        "priority",
        label="Priority",
        doc="Lower acts first at a trigger, the same acts in parallel; -1 leaves the Player out.",
        **whole_numbers(DISABLED, MOST_PRIORITY),
        **ARCHIVED,
    )
    Parameters = setting(
        "Parameters",
        "parameters",
        dtype=str,
        label="Parameters",
        doc="JSON object that is handed to the script.",
    )
    Faults = setting(
        "Faults",
        "faults",
        dtype=str,
        label="Faults",
        doc="JSON list of the faults to inject into the data on their way to Kafka, from the next run on; "
        "the files stay whole.",
    )
    Timeout = setting(
        "Timeout",
        "timeout",
        label="Timeout",
        unit="s",
        doc="How long one action may take, its data delivered; rounded to the ms.",
        **rounded_numbers(LEAST_TIMEOUT, MOST_TIMEOUT, TIMEOUT_DECIMALS),
    )
    OnError = setting(
        "OnError",
        "on_error",
        dtype=OnError,
        label="On error",
        doc="What the Director does when an action fails or times out: end the sequence (ABORT), let this "
        "Player miss the trigger (SKIP), send it again (RETRY), leave the Player out from then on (DISABLE).",
    )
    Retries = setting(
        "Retries",
        "retries",
        label="Retries",
        doc="How often a failed trigger is sent again with the policy RETRY; then as with ABORT.",
        **whole_numbers(0, MOST_RETRIES),
    )
