"""Manifests for Kubernetes: plain ones, and the resources of the SKA's operator for Tango."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from donki.errors import InputError
from donki_client.deploy.deployment import Deployment, Layout
from donki_client.deploy.target import FileTarget, Settings, header
from donki_client.deploy.targets import containers
from donki_client.deploy.targets.dsconfig import document
from donki_client.deploy.targets.names import keys, label
from donki_client.deploy.targets.objects import BROKER, DATABASE, broker, database, described, service
from donki_client.deploy.targets.yaml_text import yaml_text
from donki_client.facility.device_server import DeviceServer

#: The most bytes of a ConfigMap, which Kubernetes limits to 1 MiB as it is stored.
_MOST = 1_000_000

_SCRIPTS, _CONFIGURATION = "scripts", "configuration"

#: Waits until a device is in the database; a server ends where it is not.
WAIT = """\
import sys, time, tango
for _ in range(300):
    try:
        tango.Database().get_device_info(sys.argv[1])
        break
    except tango.DevFailed as failed:
        said = failed.args[0].desc
        time.sleep(1)
else:
    sys.exit(f"{sys.argv[1]} is not in the Tango database after 300 s; did the Job register-... end? {said}")
"""

Object = dict[str, Any]


class KubernetesTarget(FileTarget):
    """Folders to be applied: ``common``, and ``servers`` or ``operator``; and the Containerfile."""

    name = "kubernetes"
    does = "manifests for Kubernetes: a Deployment for each server, or resources of the SKA's operator"
    broker = f"{BROKER}:{containers.BROKER_PORT}"
    has_database = True

    def layout(self, name: str) -> Layout:  # noqa: ARG002
        """Return where things are in the containers."""
        return containers.LAYOUT

    def files(self, deployment: Deployment, settings: Settings) -> dict[str, bytes]:
        """Return the files."""
        manifests = Manifests(deployment, settings.image)
        documents = {"common/00-namespace.yaml": [manifests.namespace()]}
        documents["common/configuration.yaml"] = manifests.configuration()
        documents["common/storage.yaml"] = manifests.storage()
        if deployment.broker == self.broker:
            documents["common/kafka.yaml"] = broker(deployment)
        documents["servers/database.yaml"] = database(deployment)
        documents["servers/register.yaml"] = [manifests.register()]
        documents["operator/database.yaml"] = [manifests.database_resource()]
        for server in deployment.servers:
            name = containers.service_name(deployment, server)
            documents[f"servers/{name}.yaml"] = manifests.server(server)
            documents[f"operator/{name}.yaml"] = [manifests.server_resource(server)]
        first = header(deployment)
        files = {
            name: (first + yaml_text(*objects)).encode() for name, objects in documents.items() if objects
        }
        return files | {"Containerfile": containers.containerfile(deployment).encode()}

    def notes(self, deployment: Deployment) -> list[str]:
        """Say what is not in the files."""
        namespace = described(deployment, "")["metadata"]["namespace"]
        notes = [
            f"the Secret tango-database of the namespace {namespace} must have the key password (servers)"
        ]
        if deployment.inputs:
            claims = ", ".join(Manifests(deployment, "").claims.values())
            notes.append(f"these claims must be filled with the data that the scripts read: {claims}")
        return notes


class Manifests:
    """The objects of a deployment."""

    def __init__(self, deployment: Deployment, image: str) -> None:
        self._deployment = deployment
        self._image = image
        self._keys = keys(deployment.scripts)
        #: The claims of the folders of data, by folder.
        self.claims = {there: label(f"data-{here.name}") for there, here in deployment.inputs.items()}
        self._states = {folder: f"state-{n}" if n else "state" for n, folder in enumerate(deployment.written)}
        self._entered = document(deployment)

    def namespace(self) -> Object:
        """Return the namespace that all is in."""
        name = described(self._deployment, "")["metadata"]["namespace"]
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}

    def configuration(self) -> list[Object]:
        """Return the scripts, and what is entered into the database, as ConfigMaps.

        Raises
        ------
        InputError
            when they are too large for Kubernetes
        """
        texts, binary = {}, {}
        for name, content in self._deployment.scripts.items():
            try:
                texts[self._keys[name]] = content.decode()
            except UnicodeDecodeError:
                binary[self._keys[name]] = base64.b64encode(content).decode()
        scripts = {"data": texts, **({"binaryData": binary} if binary else {})}
        maps = {_SCRIPTS: scripts, _CONFIGURATION: {"data": {"tango.json": self._entered}}}
        for name, parts in maps.items():
            size = sum(len(text.encode()) for values in parts.values() for text in values.values())
            if size > _MOST:
                raise InputError(
                    f"the ConfigMap {name} would have {size:,} bytes, and Kubernetes takes {_MOST:,}; move"
                    " data to folders of their own, and name those: data_path: [FOLDER]"
                )
        return [{**self._object("v1", "ConfigMap", name), **parts} for name, parts in maps.items()]

    def storage(self) -> list[Object]:
        """Return the claims of storage: where servers write to, and of the data that they read."""
        writers = [server for server in self._deployment.servers if containers.writes_files(server)]
        mode = "ReadWriteMany" if len(writers) > 1 else "ReadWriteOnce"
        claims = [*((name, mode) for name in self._states.values())]
        claims += [(name, "ReadOnlyMany") for name in sorted(set(self.claims.values()))]
        return [
            {
                **self._object("v1", "PersistentVolumeClaim", name),
                "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "10Gi"}}},
            }
            for name, mode in claims
        ]

    def register(self) -> Object:
        """Return the Job that enters the servers into the database; another one where they change."""
        mounts = [{"name": _CONFIGURATION, "mountPath": "/etc/donki", "readOnly": True}]
        volumes = [{"name": _CONFIGURATION, "configMap": {"name": _CONFIGURATION}}]
        command = containers.register_command("/etc/donki/tango.json")
        pod = self._pod("register", command, mounts, volumes)
        pod["spec"]["restartPolicy"] = "OnFailure"
        name = f"register-{hashlib.sha256(self._entered.encode()).hexdigest()[:8]}"
        return {
            **self._object("batch/v1", "Job", name),
            "spec": {"backoffLimit": 20, "ttlSecondsAfterFinished": 3600, "template": pod},
        }

    def server(self, server: DeviceServer) -> list[Object]:
        """Return a server's Deployment, and the Service of its ports."""
        name = containers.service_name(self._deployment, server)
        mounts, volumes = self._volumes(server)
        pod = self._pod(name, containers.server_command(server), mounts, volumes)
        spec, [container] = pod["spec"], pod["spec"]["containers"]
        container["ports"] = [
            {"name": port, "containerPort": number} for port, number in containers.PORTS.items()
        ]
        probe = {"tcpSocket": {"port": "orb"}, "periodSeconds": 5}
        container |= {"startupProbe": {**probe, "failureThreshold": 60}, "readinessProbe": probe}
        container["resources"] = _resources(server)
        waiting = ["python", "-c", WAIT, server.device]
        spec["initContainers"] = [self._container("wait", waiting, [_TMP_MOUNT])]
        if server.host:
            spec["nodeSelector"] = {"kubernetes.io/hostname": server.host}
        selector = described(self._deployment, name)["metadata"]["labels"]
        deployed = {
            **self._object("apps/v1", "Deployment", name, name),
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": selector},
                "template": pod,
            },
        }
        return [deployed, service(self._deployment, name, containers.PORTS, headless=True)]

    def database_resource(self) -> Object:
        """Return the database as a resource of the SKA's operator."""
        return {
            **self._object("tango.tango-controls.org/v1", "DatabaseDS", DATABASE),
            "spec": {"clusterDomain": "cluster.local", "imagePullPolicy": "IfNotPresent"},
        }

    def server_resource(self, server: DeviceServer) -> Object:
        """Return a server as a resource of the SKA's operator, which enters it into the database too."""
        name = containers.service_name(self._deployment, server)
        mounts, volumes = self._volumes(server)
        spec = {
            "databaseds": DATABASE,
            "clusterDomain": "cluster.local",
            "image": self._image,
            "imagePullPolicy": "IfNotPresent",
            "dsname": server.kind,
            "command": server.kind,
            "args": server.instance,
            "config": document(self._deployment, server),
            "dependsOn": ["sys/database/2"],
            "env": [{"name": "HOME", "value": containers.SERVER_ENVIRONMENT["HOME"]}],
            "volumes": volumes,
            "volumeMounts": mounts,
            "resources": _resources(server),
            **({"nodeSelector": {"kubernetes.io/hostname": server.host}} if server.host else {}),
        }
        return {**self._object("tango.tango-controls.org/v1", "DeviceServer", name, name), "spec": spec}

    def _object(self, version: str, kind: str, name: str, component: str = "") -> Object:
        return {"apiVersion": version, "kind": kind, **described(self._deployment, component, name)}

    def _volumes(self, server: DeviceServer) -> tuple[list[Object], list[Object]]:
        """Return what a server mounts, and the volumes."""
        deployment = self._deployment
        items = [{"key": key, "path": name} for name, key in self._keys.items()]
        mounts = [_TMP_MOUNT, {"name": _SCRIPTS, "mountPath": deployment.script_path, "readOnly": True}]
        volumes = [_TMP, {"name": _SCRIPTS, "configMap": {"name": _SCRIPTS, "items": items}}]
        claims = {folder: (claim, True) for folder, claim in self.claims.items()}
        if containers.writes_files(server):
            claims |= {folder: (claim, False) for folder, claim in self._states.items()}
        for folder, (claim, read_only) in claims.items():
            mounts.append({"name": claim, "mountPath": folder, "readOnly": read_only})
            volumes.append(
                {"name": claim, "persistentVolumeClaim": {"claimName": claim, "readOnly": read_only}}
            )
        return mounts, volumes

    def _pod(self, name: str, command: list[str], mounts: list[Object], volumes: list[Object]) -> Object:
        """Return the template of a pod. It changes where the scripts do, so that the servers load them."""
        scripts = hashlib.sha256()
        for path, content in self._deployment.scripts.items():
            scripts.update(f"{path}\0{len(content)}\0".encode() + content)
        labels = described(self._deployment, name)["metadata"]["labels"]
        tmp = [] if _TMP in volumes else [_TMP]
        return {
            "metadata": {"labels": labels, "annotations": {"donki/scripts": scripts.hexdigest()[:16]}},
            "spec": {
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": containers.USER,
                    "runAsGroup": containers.USER,
                    "fsGroup": containers.USER,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [self._container(name, command, [*mounts, *([_TMP_MOUNT] if tmp else [])])],
                "volumes": [*volumes, *tmp],
            },
        }

    def _container(self, name: str, command: list[str], mounts: list[Object]) -> Object:
        environment = {
            "TANGO_HOST": f"{DATABASE}:{containers.DATABASE_PORT}",
            **containers.SERVER_ENVIRONMENT,
        }
        return {
            "name": name,
            "image": self._image,
            "command": command,
            "env": [{"name": key, "value": value} for key, value in environment.items()],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": mounts,
        }


_TMP: Object = {"name": "tmp", "emptyDir": {}}
_TMP_MOUNT: Object = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - of the container alone


def _resources(server: DeviceServer) -> Object:
    """Return what a server needs at least: a process and its devices."""
    return {"requests": {"cpu": "100m", "memory": f"{128 + 64 * (len(server.devices) - 1)}Mi"}}
