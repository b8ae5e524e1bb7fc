"""Kafka brokers for tests: the in-memory one, and a genuine Apache Kafka."""

from __future__ import annotations

import base64
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Self

from donki_client.facility.processes import Child
from helpers.support import free_port, needs

KAFKA = "4.1.1"
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>donki</groupId> <artifactId>kafka-for-tests</artifactId> <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId> <artifactId>kafka_2.13</artifactId> <version>{KAFKA}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId> <artifactId>slf4j-simple</artifactId> <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class Broker:
    """A broker in a process of its own, gone when the `with` block ends.

    Attributes
    ----------
    address
        ``127.0.0.1:PORT``, the same after a restart
    """

    kind: str
    ready: str
    start_limit: float

    def __init__(self) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._child: Child | None = None
        self._starts = 0

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        raise NotImplementedError

    @property
    def process(self) -> Child:
        assert self._child, f"{self.kind} broker is not running"
        return self._child

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped or killed since."""
        return self._child is not None

    def __enter__(self) -> Self:
        self.use(Path(tempfile.mkdtemp(prefix=f"donki-{self.kind}-")))
        try:
            self.prepare(self.folder)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def use(self, folder: Path) -> None:
        """Have a folder for its settings, its data and its logs."""
        self.folder = folder

    def prepare(self, folder: Path) -> None:
        """Make what the broker needs before it starts for the first time."""

    def start(self) -> None:
        """Start it and wait until clients can use it; a failure shows the end of its log."""
        self.begin()
        self.wait_until_ready()

    def begin(self) -> None:
        """Start it."""
        self._starts += 1
        log = self.folder / f"{self._starts}.log"
        self._child = Child(f"{self.kind} broker", self.command(), log, {})

    def wait_until_ready(self) -> None:
        """Wait until clients can use it."""
        self.process.wait_for(self.ready, self.start_limit)

    def stop(self, limit: float = 20.0) -> None:
        """Let it end properly (SIGTERM)."""
        self.process.terminate()
        ended = self.process.wait(limit)
        assert ended is not None, f"{self.kind} broker did not end within {limit:.0f} s of SIGTERM"
        self._child = None

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._child:
            self._child.kill()
            self._child = None

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen broker go on."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """Kill it if it still runs, and start it again at the same address."""
        self.kill()
        self.start()


class EmbeddedBroker(Broker):
    """The in-memory broker; empty again after a restart."""

    kind = "embedded"
    ready = r"listening on 127\.0\.0\.1:\d+\n"
    start_limit = 20.0

    def __init__(self, max_bytes: int = 1 << 30, *, retention: bool = True) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._retention = retention

    def command(self) -> list[str]:
        module = "donki_client.facility.broker"
        arguments = ["--port", str(self.port), "--max-bytes", str(self._max_bytes)]
        arguments += [] if self._retention else ["--no-retention"]
        return [sys.executable, "-m", module, *arguments]


class ApacheBroker(Broker):
    """Apache Kafka as its makers set it, but for one node, and quick to restart; it keeps its data then.

    Parameters
    ----------
    archive_to
        the file to which it writes the classes that it has loaded, when it stops; None: it loads them from
        one that was written so
    """

    kind = "apache"
    ready = r"Kafka Server started"
    start_limit = 60.0
    memory: tuple[str, ...] = ("-Xmx768m",)

    def __init__(self, archive_to: Path | None = None) -> None:
        super().__init__()
        self._archive_to = archive_to

    def command(self) -> list[str]:
        archive = (
            f"-XX:ArchiveClassesAtExit={self._archive_to}"
            if self._archive_to
            else f"-XX:SharedArchiveFile={_classes()}"
        )
        return [*_java(*self.memory, archive), "kafka.Kafka", str(self._properties)]

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def prepare(self, folder: Path) -> None:
        self.write_settings(folder)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # one argument: an id may begin with a dash
        named = f"--cluster-id={cluster}"
        format_storage = ["kafka.tools.StorageTool", "format", named, "-c", str(self._properties)]
        archive = [] if self._archive_to else [f"-XX:SharedArchiveFile={_classes()}"]
        _run([*_java(*archive), *format_storage], limit=60)

    def write_settings(self, folder: Path) -> None:
        """Write its properties."""
        self._properties.write_text("".join(f"{line}\n" for line in self.settings(folder)))

    def settings(self, folder: Path) -> list[str]:
        """Return the lines of its properties."""
        controller = next(port for port in iter(free_port, None) if port != self.port)
        return [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            f"listeners=PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            *self.common_settings(folder),
        ]

    def common_settings(self, folder: Path) -> list[str]:
        """Return those lines of its properties that a broker of a cluster has too."""
        return [
            "controller.listener.names=CONTROLLER",
            f"log.dirs={folder / 'data'}",
            "group.initial.rebalance.delay.ms=0",
            # messages of tests have time stamps of their own, and are kept whatever these are
            "log.retention.ms=-1",
            # a broker that was killed may come back when its session is over
            "broker.heartbeat.interval.ms=500",
            "broker.session.timeout.ms=2000",
        ]


def _java(*options: str) -> list[str]:
    # the quick compiler alone starts in half the time; short traces leave the cause in the tail of the log
    quick = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MaxJavaStackTraceDepth=3")
    logs = ("defaultLogLevel=warn", "log.kafka.server.KafkaRaftServer=info", "showDateTime=true")
    properties = (f"-Dorg.slf4j.simpleLogger.{setting}" for setting in logs)
    return [shutil.which("java") or "java", *quick, *options, *properties, "-cp", f"{_jars()}/*"]


def _jars() -> Path:
    """Return the folder of Apache Kafka's jars, fetched from Maven Central where they are not there yet."""
    return _cached(f"kafka-{KAFKA}", _fetch_jars)


def _fetch_jars(folder: Path) -> Path:
    pom = folder / "pom.xml"
    pom.write_text(_POM)
    jars = folder / "jars"
    _run(["mvn", "-B", "-q", "-f", str(pom), _COPY, f"-DoutputDirectory={jars}"], limit=600)
    return jars


def _classes() -> Path:
    """Return the archive of the classes that a broker loads, with which Java starts in less than two thirds.

    Java passes over one that was made by another Java.
    """
    return _cached(f"kafka-{KAFKA}.jsa", _archive_classes)


def _archive_classes(folder: Path) -> Path:
    archive = folder / "classes.jsa"
    with ApacheBroker(archive) as broker:
        broker.stop(limit=90)
    return archive


def _cached(name: str, make: Callable[[Path], Path]) -> Path:
    """Return a file or folder of the cache, made in a folder for this once where it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "donkiorchestra"
    path = cache / name
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one test run makes it, any other waits for it
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                make(Path(folder)).rename(path)
    return path


def _run(command: list[str], limit: float) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit, check=False
    )
    assert done.returncode == 0, f"{command[0]} failed:\n" + "\n".join(done.stdout.splitlines()[-20:])


BROKERS: dict[str, type[Broker]] = {broker.kind: broker for broker in (EmbeddedBroker, ApacheBroker)}


def new_broker(kind: str) -> Broker:
    """Return a broker of a kind, not started; a test that asks for one that cannot be had is left out."""
    if kind == ApacheBroker.kind:
        remedy = "install Java 17 and Maven to test against Apache Kafka too, not the in-memory broker alone"
        needs("java or mvn", shutil.which("java") and shutil.which("mvn"), remedy)
    return BROKERS[kind]()
