"""Units for systemd, as a tree to be laid over the root of each host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from donki.errors import InputError
from donki_client.deploy.deployment import Deployment, Layout
from donki_client.deploy.target import FileTarget, Settings, header
from donki_client.deploy.targets.names import for_database
from donki_client.facility.device_server import DeviceServer

PREFIX = PurePosixPath("/opt/donki")
STATE = PurePosixPath("/var/lib/donki")

_LONGEST = 255  # letters of a unit's name

#: What a server may do, by what `systemd-analyze security` asks for. It needs the network in both directions,
#: with ports that it chooses, and the folders that it writes to; scripts may use all else that Python does.
SANDBOX = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0027
"""


class SystemdTarget(FileTarget):
    """A unit for each server, a target that has them all, their account and folders, and the scripts."""

    name = "systemd"
    does = "units for systemd, one for each server, with its account, folders and scripts"

    def layout(self, name: str) -> Layout:
        """Return where things are: in /opt/donki and /var/lib/donki."""
        return Layout(prefix=PREFIX, state=STATE / name)

    def files(self, deployment: Deployment, settings: Settings) -> dict[str, bytes]:
        """Return a tree for each host; what has no host is at the top."""
        if settings.database is None:
            raise InputError(
                "--to systemd: no Tango database is named; give --database HOST:PORT or TANGO_HOST"
            )
        hosts = sorted({server.host for server in deployment.servers})
        files: dict[str, bytes] = {}
        for host in hosts:
            servers = [server for server in deployment.servers if server.host == host]
            tree = _host_files(deployment, servers, str(settings.database))
            files.update({f"{host}/{name}" if host else name: content for name, content in tree.items()})
        return files

    def notes(self, deployment: Deployment) -> list[str]:
        """Say what is not in the files."""
        prefix, state = deployment.layout.prefix, deployment.layout.state
        return [
            f"the units expect {prefix}/bin/DonkiPlayer, and in the Tango database what this enters:"
            f" donki deploy {deployment.source} --to tango --prefix {prefix} --state {state}"
        ]


def _host_files(deployment: Deployment, servers: Sequence[DeviceServer], tango_host: str) -> dict[str, bytes]:
    name, first = deployment.name, header(deployment)
    units = {_unit_name(deployment, server): server for server in servers}
    target = (
        f"{first}[Unit]\nDescription=DonkiOrchestra {name}\nWants={' '.join(units)}\n"
        f"After=network-online.target\n\n[Install]\nWantedBy=multi-user.target\n"
    )
    folders = "".join(f"d {_quoted(folder)} 0750 donki donki -\n" for folder in deployment.written)
    texts = {
        f"etc/sysusers.d/donki-{name}.conf": f'{first}u donki - "DonkiOrchestra"\n',
        f"etc/tmpfiles.d/donki-{name}.conf": first + folders,
        f"etc/systemd/system/donki-{name}.target": target,
    }
    for database in {server.database for server in servers}:
        texts[_environment(name, database)] = f"{first}TANGO_HOST={database or tango_host}\n"
    for unit, server in units.items():
        texts[f"etc/systemd/system/{unit}"] = _unit(deployment, server)
    scripts = PurePosixPath(deployment.script_path).relative_to("/")
    files = {path: text.encode() for path, text in texts.items()}
    return files | {str(scripts / path): content for path, content in deployment.scripts.items()}


def _environment(name: str, database: str) -> str:
    return f"etc/donki/{for_database(name, database)}.env"


def _unit_name(deployment: Deployment, server: DeviceServer) -> str:
    unit = f"donki-{deployment.name}-{server.role}-{server.instance}.service"
    if server is deployment.director:
        unit = f"donki-{deployment.name}-{server.role}.service"
    if len(unit) > _LONGEST:
        raise InputError(f"{server.name}: the unit's name {unit:.80}... is too long for systemd; shorten it")
    return unit


def _unit(deployment: Deployment, server: DeviceServer) -> str:
    name, prefix = deployment.name, deployment.layout.prefix
    devices = ", ".join(device.name for device in server.devices)
    group = f"donki-{name}.target"
    service = [
        "Type=exec",
        "User=donki",
        f"EnvironmentFile=/{_environment(name, server.database)}",
        f"Environment=HOME={_quoted(_home(deployment))}",
        f"ExecStart={_quoted(f'{prefix}/bin/{server.kind}')} {server.instance}",
        "Restart=on-failure",
        "RestartSec=5",
        *(f"ReadWritePaths={_quoted(folder)}" for folder in deployment.written),
    ]
    return (
        f"{header(deployment)}[Unit]\nDescription={server.name}: {_specifiers(devices):.200}\n"
        "Wants=network-online.target\nAfter=network-online.target\n"
        f"PartOf={group}\nStartLimitIntervalSec=0\n\n"
        "[Service]\n" + "\n".join(service) + f"\n{SANDBOX}\n[Install]\nWantedBy={group}\n"
    )


def _home(deployment: Deployment) -> str:
    return deployment.written[0] if deployment.written else "/"


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(path: str) -> str:
    """Return a path as systemd reads it."""
    escaped = _specifiers(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if any(letter in escaped for letter in " '\"\\;") else escaped
