"""The JSON that json2tango of the package dsconfig enters into a Tango database."""

from __future__ import annotations

import json
from typing import Any

from donki_client.deploy.deployment import Deployment, property_values
from donki_client.deploy.target import FileTarget, Plan, Settings
from donki_client.deploy.targets.names import for_database
from donki_client.facility.device_server import DeviceServer, ServedDevice


class DsconfigTarget(FileTarget):
    """``NAME.json`` for each Tango database; where there is one alone, also on standard output."""

    name = "dsconfig"
    does = "the JSON file that json2tango of the package dsconfig takes"

    def files(self, deployment: Deployment, settings: Settings) -> dict[str, bytes]:  # noqa: ARG002
        """Return a file for each Tango database."""
        return {
            f"{for_database(deployment.name, database)}.json": document(deployment, *servers).encode()
            for database, servers in deployment.by_database().items()
        }

    def plan(self, deployment: Deployment, settings: Settings) -> Plan:
        """Compare the files with those in the folder; without a folder one for one database is printed."""
        if settings.output or len(deployment.by_database()) > 1:
            return super().plan(deployment, settings)
        return Printed(document(deployment))


class Printed:
    """A text that goes to standard output."""

    notes = ()

    def __init__(self, text: str) -> None:
        self.summary = text

    @property
    def diff(self) -> str:
        """All of it: there is nothing to compare it with."""
        return "".join(f"+{line}" for line in self.summary.splitlines(keepends=True))

    def apply(self) -> None:
        """Change nothing: what was done is the text itself."""


def document(deployment: Deployment, *servers: DeviceServer) -> str:
    """Return the JSON of some servers; by default of all."""
    title = f"Written by donki deploy from {deployment.source}: change that instead."
    entered: dict[str, dict[str, Any]] = {}
    for server in servers or deployment.servers:
        devices = {device.name: _device(device) for device in server.devices}
        entered.setdefault(server.kind, {})[server.instance] = {server.kind: devices}
    return json.dumps({"_title": title, "servers": entered}, indent=2, sort_keys=True) + "\n"


def _device(device: ServedDevice) -> dict[str, Any]:
    memorized = {name: {"__value": [value]} for name, value in device.memorized.items()}
    entered = {"properties": property_values(device), "attribute_properties": memorized}
    return {what: values for what, values in entered.items() if values}
