"""A compose file, for Docker or Podman on one machine: database, broker, and a container for each server."""

from __future__ import annotations

from typing import Any

from donki_client.deploy.deployment import Deployment, Layout
from donki_client.deploy.target import FileTarget, Settings, header
from donki_client.deploy.targets import containers
from donki_client.deploy.targets.dsconfig import document
from donki_client.deploy.targets.names import label
from donki_client.deploy.targets.yaml_text import yaml_text
from donki_client.facility.device_server import DeviceServer

_TABLES, _DATABASE, _BROKER, _REGISTER = "tango-db", "databaseds", "kafka", "register"

#: Filled in by compose, from its file .env or the environment; not by us.
_PASSWORD = "${TANGO_DB_PASSWORD:?put TANGO_DB_PASSWORD=... into the file .env beside compose.yaml}"  # noqa: S105

_PROBE = "import socket; socket.create_connection(('127.0.0.1', {port}), 2)"


class ComposeTarget(FileTarget):
    """``compose.yaml`` and ``Containerfile``, with the scripts and what is entered into the database."""

    name = "compose"
    does = "a compose file and a Containerfile: the servers, a Tango database, and Kafka in KRaft mode"
    broker = f"{_BROKER}:{containers.BROKER_PORT}"
    has_database = True

    def layout(self, name: str) -> Layout:  # noqa: ARG002
        """Return where things are in the containers."""
        return containers.LAYOUT

    def files(self, deployment: Deployment, settings: Settings) -> dict[str, bytes]:
        """Return the files."""
        compose = header(deployment) + yaml_text(_project(deployment, settings.image, self.broker))
        texts = {
            "compose.yaml": compose,
            "Containerfile": containers.containerfile(deployment),
            "tango.json": document(deployment),
        }
        files = {name: text.encode() for name, text in texts.items()}
        return files | {f"scripts/{name}": content for name, content in deployment.scripts.items()}

    def notes(self, deployment: Deployment) -> list[str]:
        """Say what is not in the files."""
        notes = [
            "the file .env beside compose.yaml must set TANGO_DB_PASSWORD; keep it out of version control"
        ]
        if hosts := sorted({server.host for server in deployment.servers if server.host}):
            notes.append(f"compose runs everything on one machine, and nothing on {', '.join(hosts)}")
        return notes


def _project(deployment: Deployment, image: str, broker: str) -> dict[str, Any]:
    has_broker = deployment.broker == broker
    services = {
        _TABLES: _tables(),
        _DATABASE: _database(),
        **({_BROKER: _broker()} if has_broker else {}),
        _REGISTER: _register(image),
    }
    for server in deployment.servers:
        services[containers.service_name(deployment, server)] = _server(deployment, server, image, has_broker)
    volumes = [*_volumes(deployment).values(), _TABLES, *([_BROKER] if has_broker else [])]
    return {
        "name": label(f"donki-{deployment.name}"),
        "services": services,
        "volumes": {volume: {} for volume in volumes},
    }


def _volumes(deployment: Deployment) -> dict[str, str]:
    """Return the volumes of the folders that servers write to, by folder."""
    return {
        folder: f"state-{number}" if number else "state" for number, folder in enumerate(deployment.written)
    }


def _tables() -> dict[str, Any]:
    return {
        "image": containers.TABLES_IMAGE,
        "environment": {
            "MARIADB_RANDOM_ROOT_PASSWORD": "1",
            "MARIADB_DATABASE": "tango",
            "MARIADB_USER": "tango",
            "MARIADB_PASSWORD": _PASSWORD,
        },
        "volumes": [f"{_TABLES}:{containers.TABLES_FOLDER}"],
        "healthcheck": _healthcheck(
            "CMD-SHELL", 'mariadb-admin ping --host=127.0.0.1 --user=tango --password="$$MARIADB_PASSWORD"'
        ),
        "restart": "unless-stopped",
    }


def _database() -> dict[str, Any]:
    port = containers.DATABASE_PORT
    return {
        "image": containers.DATABASE_IMAGE,
        "entrypoint": containers.DATABASE_COMMAND,
        "environment": {**containers.database_environment(_TABLES), "MYSQL_PASSWORD": _PASSWORD},
        "ports": [f"127.0.0.1:{port}:{port}"],
        "healthcheck": _healthcheck("CMD", *containers.DATABASE_PROBE),
        "depends_on": {_TABLES: {"condition": "service_healthy"}},
        "restart": "unless-stopped",
    }


def _broker() -> dict[str, Any]:
    return {
        "image": containers.BROKER_IMAGE,
        "environment": containers.broker_environment(_BROKER),
        "volumes": [f"{_BROKER}:{containers.BROKER_FOLDER}"],
        "healthcheck": _healthcheck("CMD", *containers.BROKER_PROBE),
        "restart": "unless-stopped",
    }


def _register(image: str) -> dict[str, Any]:
    """Return what enters the servers into the database, once at each ``up``."""
    return {
        **_hardened(image),
        "command": [_literal(word) for word in containers.register_command("/etc/donki/tango.json")],
        "volumes": ["./tango.json:/etc/donki/tango.json:ro"],
        "depends_on": {_DATABASE: {"condition": "service_healthy"}},
        "restart": "no",
    }


def _server(deployment: Deployment, server: DeviceServer, image: str, has_broker: bool) -> dict[str, Any]:
    volumes: list[str | dict[str, Any]] = [f"./scripts:{deployment.script_path}:ro"]
    volumes += [
        {"type": "bind", "source": _literal(str(here)), "target": _literal(there), "read_only": True}
        for there, here in deployment.inputs.items()
    ]
    if containers.writes_files(server):
        volumes += [
            {"type": "volume", "source": volume, "target": _literal(folder)}
            for folder, volume in _volumes(deployment).items()
        ]
    waits_for = {_REGISTER: {"condition": "service_completed_successfully"}}
    if has_broker:
        waits_for[_BROKER] = {"condition": "service_healthy"}
    return {
        **_hardened(image),
        "command": containers.server_command(server),
        "volumes": volumes,
        "healthcheck": _healthcheck("CMD", "python", "-c", _PROBE.format(port=containers.ORB_PORT)),
        "depends_on": waits_for,
        "restart": "unless-stopped",
    }


def _hardened(image: str) -> dict[str, Any]:
    return {
        "image": image,
        "build": {"context": ".", "dockerfile": "Containerfile"},
        "environment": {
            "TANGO_HOST": f"{_DATABASE}:{containers.DATABASE_PORT}",
            **containers.SERVER_ENVIRONMENT,
        },
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - of the container alone
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def _literal(text: str) -> str:
    """Return a text in which compose fills in nothing."""
    return text.replace("$", "$$")


def _healthcheck(*test: str) -> dict[str, Any]:
    return {"test": list(test), "interval": "10s", "timeout": "10s", "retries": 6, "start_period": "60s"}
