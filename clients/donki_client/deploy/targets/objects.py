"""Objects of Kubernetes that are not ours: the Tango database and the Kafka broker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from donki_client.deploy.deployment import Deployment
from donki_client.deploy.targets import containers
from donki_client.deploy.targets.names import label

DATABASE, TABLES, BROKER = "databaseds", "tango-db", "kafka"

#: The Secret with the password of the database's tables, under the key ``password``.
SECRET = "tango-database"  # noqa: S105 - a name

Object = dict[str, Any]


def described(deployment: Deployment, component: str, name: str = "") -> Object:
    """Return the metadata of an object: in the deployment's namespace, with labels of its component."""
    labels = {
        "app.kubernetes.io/name": "donkiorchestra",
        "app.kubernetes.io/instance": label(deployment.name),
        **({"app.kubernetes.io/component": component} if component else {}),
    }
    named = {"name": name} if name else {}
    return {"metadata": {**named, "namespace": label(f"donki-{deployment.name}"), "labels": labels}}


def database(deployment: Deployment) -> list[Object]:
    """Return the C++ database server, and MariaDB with its tables."""
    password = {"valueFrom": {"secretKeyRef": {"name": SECRET, "key": "password"}}}
    tables = {
        "MARIADB_RANDOM_ROOT_PASSWORD": "1",
        "MARIADB_DATABASE": "tango",
        "MARIADB_USER": "tango",
    }
    mariadb = {
        **_container(TABLES, containers.TABLES_IMAGE, tables, {"mysql": 3306}),
        "readinessProbe": {"tcpSocket": {"port": "mysql"}},
        "volumeMounts": [{"name": TABLES, "mountPath": containers.TABLES_FOLDER}],
    }
    mariadb["env"].append({"name": "MARIADB_PASSWORD", **password})
    server = {
        **_container(
            DATABASE,
            containers.DATABASE_IMAGE,
            containers.database_environment(TABLES),
            {"orb": containers.DATABASE_PORT},
        ),
        "command": containers.DATABASE_COMMAND,
        "readinessProbe": {"tcpSocket": {"port": "orb"}},
    }
    server["env"].append({"name": "MYSQL_PASSWORD", **password})
    return [
        _stateful(deployment, TABLES, mariadb),
        service(deployment, TABLES, {"mysql": 3306}),
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            **described(deployment, DATABASE, DATABASE),
            "spec": {**_template(deployment, DATABASE, server), "strategy": {"type": "Recreate"}},
        },
        service(deployment, DATABASE, {"orb": containers.DATABASE_PORT}),
    ]


def broker(deployment: Deployment) -> list[Object]:
    """Return one Kafka broker in KRaft mode."""
    container = {
        **_container(
            BROKER,
            containers.BROKER_IMAGE,
            containers.broker_environment(BROKER),
            {"kafka": containers.BROKER_PORT},
        ),
        "readinessProbe": {"tcpSocket": {"port": "kafka"}},
        "volumeMounts": [{"name": BROKER, "mountPath": containers.BROKER_FOLDER}],
    }
    return [
        _stateful(deployment, BROKER, container),
        service(deployment, BROKER, {"kafka": containers.BROKER_PORT}),
    ]


def service(deployment: Deployment, name: str, ports: Mapping[str, int], *, headless: bool = False) -> Object:
    """Return the Service of a component's ports; headless: its name is that of the pod itself."""
    spec: Object = {
        "selector": described(deployment, name)["metadata"]["labels"],
        "ports": [{"name": port, "port": number, "targetPort": port} for port, number in ports.items()],
    }
    if headless:
        spec["clusterIP"] = "None"
    return {"apiVersion": "v1", "kind": "Service", **described(deployment, name, name), "spec": spec}


def _stateful(deployment: Deployment, name: str, container: Object) -> Object:
    """Return one pod with a volume of its own, which is called as it is."""
    claim = {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        **described(deployment, name, name),
        "spec": {
            **_template(deployment, name, container),
            "serviceName": name,
            "volumeClaimTemplates": [claim],
        },
    }


def _template(deployment: Deployment, name: str, container: Object) -> Object:
    labels = described(deployment, name)["metadata"]["labels"]
    spec: Object = {
        "automountServiceAccountToken": False,
        # Kafka would take the variables of a service called kafka for its own settings.
        "enableServiceLinks": False,
        "containers": [container],
    }
    if name == BROKER:
        spec["securityContext"] = {"fsGroup": 1000}
    return {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }


def _container(name: str, image: str, environment: Mapping[str, str], ports: Mapping[str, int]) -> Object:
    return {
        "name": name,
        "image": image,
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "ports": [{"name": port, "containerPort": number} for port, number in ports.items()],
    }
