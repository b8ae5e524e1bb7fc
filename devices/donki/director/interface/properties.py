"""How a Director is configured: its properties in the Tango database."""

from __future__ import annotations

from typing import ClassVar

from tango.server import device_property

from donki.device.properties.rules import check_optional_topic, read_folder
from donki.device.telemetry.metrics_property import MetricsProperty
from donki.device.telemetry.status_property import StatusProperty


class DirectorProperties(StatusProperty, MetricsProperty):
    """The properties of a Director."""

    PlayerDevices = device_property(
        dtype=(str,),
        default_value=["donki/player/*"],
        doc="Names or patterns of devices of class DonkiPlayer in the Tango database, or full names "
        "tango://host:port/domain/family/member#dbase=no.",
    )
    RunDirectory = device_property(
        dtype=str,
        default_value="",
        doc="Folder of the journal of all runs and of the master file of each; empty: donkiorchestra/runs "
        "under XDG_DATA_HOME (~/.local/share).",
    )
    RunTopic = device_property(
        dtype=str,
        default_value="",
        doc="Kafka topic on which ESS file writers are told of each run (pl72, 6s4t); empty: nowhere.",
    )
    TimingTopic = device_property(
        dtype=str,
        default_value="",
        doc="Kafka topic to which it is sent when each trigger was (da00); empty: nowhere.",
    )

    rules: ClassVar = {
        **StatusProperty.rules,
        **MetricsProperty.rules,
        "RunDirectory": read_folder,
        "RunTopic": check_optional_topic,
        "TimingTopic": check_optional_topic,
    }
