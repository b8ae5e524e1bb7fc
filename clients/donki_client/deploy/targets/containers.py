"""What the containers of an orchestra have in common, wherever they run."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import PurePosixPath

from donki_client.deploy.deployment import Deployment, Layout
from donki_client.deploy.target import header
from donki_client.deploy.targets.names import label
from donki_client.facility.device_server import DeviceServer

#: Where things are in a container.
LAYOUT = Layout(
    PurePosixPath("/opt/donki"), PurePosixPath("/var/lib/donki"), PurePosixPath("/opt/donki/data")
)

#: The account in the image.
USER = 1000

#: The ports of every server, which has an address of its own: requests, events, heartbeats of events.
ORB_PORT, EVENT_PORT, HEARTBEAT_PORT = 45450, 45460, 45470
PORTS = {"orb": ORB_PORT, "events": EVENT_PORT, "heartbeats": HEARTBEAT_PORT}

DATABASE_PORT = 10000
BROKER_PORT = 9092

#: Images of others: the Tango database as the SKA publishes it, and Apache Kafka's own.
TABLES_IMAGE = "harbor.skao.int/production/ska-tango-images-tango-db:11.0.2"
DATABASE_IMAGE = "harbor.skao.int/production/ska-tango-images-tango-cpp:9.5.0"
BROKER_IMAGE = "apache/kafka:4.1.0"

#: The largest message that the broker takes, in bytes.
MOST_BYTES = 16 * 2**20

DATABASE_COMMAND = ["/usr/local/bin/DataBaseds", "2", "-ORBendPoint", f"giop:tcp::{DATABASE_PORT}"]
DATABASE_PROBE = ["bash", "-c", f": > /dev/tcp/127.0.0.1/{DATABASE_PORT}"]
BROKER_PROBE = ["/opt/kafka/bin/kafka-broker-api-versions.sh", f"--bootstrap-server=localhost:{BROKER_PORT}"]

#: Where MariaDB keeps its tables, and Kafka its log.
TABLES_FOLDER, BROKER_FOLDER = "/var/lib/mysql", "/var/lib/kafka/data"

#: The environment of each server beside TANGO_HOST.
SERVER_ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - of the container alone
    "TANGO_ZMQ_EVENT_PORT": str(EVENT_PORT),
    "TANGO_ZMQ_HEARTBEAT_PORT": str(HEARTBEAT_PORT),
}


def containerfile(deployment: Deployment) -> str:
    """Return how the image of the servers is built; scripts are mounted, and not part of it."""
    major_minor = ".".join(version("donkiorchestra").split(".")[:2])
    extras = f"[{','.join(deployment.extras)}]" if deployment.extras else ""
    folders = " ".join(f"'{folder}'" for folder in deployment.written)
    return (
        f"{header(deployment)}"
        "FROM docker.io/library/python:3.13-slim\n"
        f"RUN pip install --no-cache-dir 'donkiorchestra{extras}~={major_minor}' 'dsconfig~=1.9' \\\n"
        f" && useradd --uid {USER} --no-create-home donki \\\n"
        f" && mkdir -p {folders} \\\n"
        f" && chown {USER}:{USER} {folders}\n"
        f"USER {USER}:{USER}\n"
    )


def service_name(deployment: Deployment, server: DeviceServer) -> str:
    """Return a server's name on the network, and of what belongs to it."""
    return "director" if server is deployment.director else label(f"{server.role}-{server.instance}")


def server_command(server: DeviceServer) -> list[str]:
    """Return the command that runs a server on its ports."""
    return [server.kind, server.instance, "-ORBendPoint", f"giop:tcp::{ORB_PORT}"]


def register_command(file: str) -> list[str]:
    """Return the command that enters a file of dsconfig; its exit status 2 says that it has."""
    return ["sh", "-c", f"json2tango --write --update --no-colors '{file}' || test $? = 2"]


def writes_files(server: DeviceServer) -> bool:
    """Return whether a server writes to the folders: a Director its journal, a Player NeXus files."""
    names = ("FileDirectory", "RunDirectory")
    return any(device.properties.get(name) for device in server.devices for name in names)


def database_environment(host: str) -> dict[str, str]:
    """Return the environment of the database server but for the password, by the host of its tables."""
    return {"MYSQL_HOST": f"{host}:3306", "MYSQL_DATABASE": "tango", "MYSQL_USER": "tango"}


def broker_environment(host: str) -> dict[str, str]:
    """Return the environment of a single broker in KRaft mode, by the host that clients know it by."""
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{BROKER_PORT},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{host}:{BROKER_PORT}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_MESSAGE_MAX_BYTES": str(MOST_BYTES),
        "KAFKA_LOG_DIRS": BROKER_FOLDER,
    }
