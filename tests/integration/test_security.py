"""What a stranger on the network, or a slip of the pen, can do to live servers."""

from __future__ import annotations

import ast
import contextlib
import json
import shutil
import string
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import tango
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import donki
import donki_client
from donki.errors import ScriptError
from donki.player.script.path import find_script
from donki.streams.kafka.clients import CLIENTS, DEFAULT
from donki_client.facility.local import LocalFacility
from helpers.brokers import ApacheBroker, new_broker
from helpers.orchestra import an_orchestra
from helpers.support import needs, took, wait_until

PASSWORD, TRUST = "pw-rosinante-1605", "trust-dulcinea"
WRONG = "pw-sancho-9999"

EXECUTING = {"eval", "exec", "compile", "__import__", "system", "popen", "run_path", "run_module"}
UNSAFE = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}


def sources():
    for package in (donki, donki_client):
        yield from Path(package.__file__).parent.rglob("*.py")


def test_nothing_is_unpickled_and_only_a_script_is_executed():
    found = set()
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None) or ""
                names = {module, *(alias.name for alias in node.names)}
                found |= {(file.name, name) for name in names if name.partition(".")[0] in UNSAFE}
            if isinstance(node, ast.Call):
                built_in = isinstance(node.func, ast.Name) and node.func.id
                of_os = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in (
                    "os",
                    "runpy",
                )
                called = built_in or (of_os and node.func.attr)
                if called in EXECUTING:
                    found.add((file.name, called))
            if isinstance(node, ast.keyword) and node.arg in ("shell", "allow_pickle"):
                found.add((file.name, node.arg))
    assert found == {("script.py", "compile"), ("script.py", "exec")}


NAMES = st.lists(
    st.sampled_from(["..", ".", "a", "inside.py", "secret.py", "", "/", "~", "link", "\0", "scripts"])
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parts=NAMES, lead=st.sampled_from(["", "/", "./", "~/", "//"]))
def test_whatever_the_name_a_script_is_found_under_the_script_path_alone(tmp_path, parts, lead):
    folder = tmp_path / "scripts"
    if not folder.exists():
        (folder / "a").mkdir(parents=True)
        (folder / "inside.py").write_text("def action(trigger): pass\n")
        (tmp_path / "secret.py").write_text("def action(trigger): pass\n")
        (folder / "link").symlink_to(tmp_path)
    try:
        file = find_script(folder, lead + "/".join(parts))
    except ScriptError:
        return
    assert file == folder / "inside.py"


def test_the_embedded_facility_listens_on_loopback_alone(tmp_path):
    here = psutil.Process()
    of_other_tests = set(here.children(recursive=True))
    with LocalFacility(tmp_path) as facility:
        facility.start_database_and_broker()
        with an_orchestra(facility, tmp_path, "local", "p") as orchestra:
            # what Tango opens for events, it opens with the first subscription
            for device in (orchestra.director, orchestra.players["p"]):
                number = device.subscribe_event("State", tango.EventType.CHANGE_EVENT, lambda event: None)
                device.unsubscribe_event(number)
            listening = {}
            for child in set(here.children(recursive=True)) - of_other_tests:
                with contextlib.suppress(psutil.NoSuchProcess):
                    addresses = {
                        connection.laddr.ip
                        for connection in child.net_connections("inet")
                        if connection.status == psutil.CONN_LISTEN
                    }
                    if addresses:
                        listening[child.pid] = addresses
    assert len(listening) >= 4
    assert set().union(*listening.values()) == {"127.0.0.1"}, listening


class SecureBroker(ApacheBroker):
    """Apache Kafka that speaks TLS alone, with a certificate made here, and asks for a password."""

    def prepare(self, folder):
        super().prepare(folder)
        store, self.authority = folder / "broker.p12", folder / "authority.pem"
        in_store = ["-keystore", store, "-storepass", TRUST, "-storetype", "PKCS12", "-alias", "broker"]
        identity = ["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1", "-keyalg", "EC", "-validity", "2"]
        for command in (
            ["-genkeypair", *identity],
            ["-exportcert", "-rfc", "-file", self.authority],
        ):
            subprocess.run(["keytool", *command, *in_store], check=True, capture_output=True, timeout=60)
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        with self._properties.open("a") as properties:
            properties.write(
                "listener.security.protocol.map=PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT\n"
                "sasl.enabled.mechanisms=PLAIN\n"
                "sasl.mechanism.inter.broker.protocol=PLAIN\n"
                "inter.broker.listener.name=PLAINTEXT\n"
                f"ssl.keystore.location={store}\nssl.keystore.password={TRUST}\nssl.keystore.type=PKCS12\n"
                f"ssl.truststore.location={store}\nssl.truststore.password={TRUST}\nssl.truststore.type=PKCS12\n"
                f"listener.name.plaintext.plain.sasl.jaas.config={plain}"
                f' username="kafka" password="kafka" user_kafka="kafka" user_donki="{PASSWORD}";\n'
            )

    def options(self, **changed):
        return {
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.authority),
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": "donki",
            "sasl_plain_password": PASSWORD,
        } | changed


@pytest.fixture(scope="module")
def secure_broker():
    new_broker("apache")  # leaves the test out where there is no Java
    needs("keytool", shutil.which("keytool"), "install Java 17 to test Kafka by TLS")
    with SecureBroker() as broker:
        yield broker


@pytest.fixture(scope="module")
def guarded(facility, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    with an_orchestra(facility, folder, "guarded", "p", ValuesTopic="values") as orchestra:
        yield orchestra


def give(orchestra, broker, options, client=DEFAULT):
    """Give the Player the address of a broker, the text of KafkaOptions and the client."""
    player, database = orchestra.players["p"], orchestra.facility.database
    given = {"KafkaBrokers": [broker], "KafkaOptions": options, "KafkaClient": client}
    tango.Database(database.host, database.port).put_device_property(player.dev_name(), given)
    player.Init()
    wait_until("its script is loaded", lambda: str(player.state()) != "RUNNING")


def all_that_is_shown(orchestra, *errors):
    """Return whatever anybody who may read a device or a log can see."""
    shown = list(map(str, errors))
    for device in (orchestra.director, *orchestra.players.values()):
        names = [config.name for config in device.attribute_list_query()]
        shown += [str(reading.value) for reading in device.read_attributes(names)]
        shown += device.black_box(50)
    shown += [child.log.read_text(errors="replace") for child in orchestra.children.values()]
    shown += [file.read_text(errors="replace") for file in orchestra.journal.parent.glob("journal*")]
    return "\n".join(shown)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, None),
        ({"sasl_plain_password": WRONG}, "SASL_SSL"),
        ({"ssl_cafile": None}, "SASL_SSL"),
        ({"security_protocol": "PLAINTEXT"}, "PLAINTEXT"),
    ],
    ids=["right", "wrong-password", "unknown-authority", "no-tls"],
)
@pytest.mark.parametrize("client", [*CLIENTS])
def test_kafka_by_tls_with_a_password(guarded, secure_broker, changed, says, client):
    give(guarded, secure_broker.address, json.dumps(secure_broker.options(**changed)), client)
    director, player = guarded.director, guarded.players["p"]
    guarded.reset()
    guarded.set("p", values={"current": 1.5})
    director.Triggers = 2
    errors = []
    try:
        director.Start()
    except tango.DevFailed as error:
        errors.append(error)
    guarded.ended_in_alarm()
    if says is None:
        assert guarded.state() == "ON", director.LastError
        assert player.MessagesSent == 2
    else:
        said = f"{director.LastError} {errors}"
        assert secure_broker.address in said
        assert says in said
        assert player.MessagesSent == 0
    shown = all_that_is_shown(guarded, *errors)
    for secret in (PASSWORD, WRONG, TRUST):
        assert secret not in shown


@pytest.mark.parametrize(
    "text", [f'{{"sasl_plain_password": "{PASSWORD}"', f'["{PASSWORD}"]', f'"{PASSWORD}"']
)
def test_kafka_options_that_are_wrong_are_not_quoted(guarded, text):
    give(guarded, "127.0.0.1:1", text)
    player = guarded.players["p"]
    guarded.set("p", values={"current": 1.5})
    with pytest.raises(tango.DevFailed, match="KafkaOptions") as refused:
        player.Start()
    assert PASSWORD not in all_that_is_shown(guarded, refused.value)


TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=200)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
KEY = st.text(string.ascii_letters, max_size=9)
INNER = SCALAR | st.lists(SCALAR, max_size=4) | st.dictionaries(KEY, SCALAR, max_size=4)
JSON = (INNER | st.lists(INNER, max_size=4) | st.dictionaries(KEY, INNER, max_size=4)).map(json.dumps)
DEEP = st.integers(1, 20_000).map(lambda depth: "[" * depth)
LONG = st.integers(1, 6).map(lambda power: '{"a": "' + "x" * 10**power + '"}')
HUGE = st.integers(1, 5000).map(lambda digits: "9" * digits)
INPUT = TEXT | JSON | DEEP | LONG | HUGE
WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMBER = st.floats() | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)
SENT = {
    "Parameters": INPUT,
    "Faults": INPUT,
    "Script": TEXT,
    "Priority": WHOLE,
    "Retries": WHOLE,
    "OnError": st.integers(0, 32767),
    "Timeout": NUMBER,
    "RunMetadata": INPUT,
    "RunTitle": TEXT,
    "RunSeed": WHOLE,
    "Triggers": WHOLE,
    "StepTriggers": WHOLE,
    "Period": NUMBER,
}
PRIORITIES = st.tuples(st.lists(WHOLE.map(lambda n: n % 2**31), max_size=5), st.lists(TEXT, max_size=5))


@pytest.fixture(scope="module")
def target(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("fuzzed"), "fuzzed", "p") as orchestra:
        yield orchestra


@pytest.fixture
def ready(target):
    player = target.players["p"]
    player.Stop()
    player.Script = "scripted.py"
    player.Parameters = "{}"
    player.Start()
    return target


def answered(device, call, *arguments):
    """Send something: it is taken, or refused with a reason of ours or of Tango's, not a Python traceback."""
    began = time.monotonic()
    try:
        call(*arguments)
    except tango.DevFailed as error:
        root = error.args[0]
        assert root.reason.startswith(("Donki_", "API_")), root
        assert "Traceback" not in root.desc, root.desc
        assert len(root.desc) < 2000
    assert took(began) < 3
    assert device.state() in (tango.DevState.ON, tango.DevState.FAULT, tango.DevState.STANDBY)


FUZZING = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZING
@given(st.data())
def test_every_write_is_answered(target, data):
    device = data.draw(st.sampled_from([target.director, target.players["p"]]), label="device")
    writable = sorted(
        config.name
        for config in device.attribute_list_query()
        if config.writable == tango.AttrWriteType.READ_WRITE
    )
    assert set(writable) <= set(SENT)
    for name in writable:
        value = data.draw(SENT[name], label=name)
        answered(device, device.write_attribute, name, value)


@FUZZING
@given(text=INPUT)
def test_every_trigger_is_answered(ready, text):
    answered(ready.players["p"], ready.players["p"].Trigger, text)


@FUZZING
@given(text=INPUT)
def test_every_run_is_answered(target, text):
    answered(target.players["p"], target.players["p"].Begin, text)


@FUZZING
@given(argument=PRIORITIES)
def test_every_priority_is_answered(target, argument):
    answered(target.director, target.director.SetPriority, argument)


def test_a_server_that_was_sent_all_that_lives_and_has_not_grown(target):
    player = target.players["p"]

    def send():
        with contextlib.suppress(tango.DevFailed):
            player.Parameters = '{"a": "' + "x" * 10**6 + '"}'
        with contextlib.suppress(tango.DevFailed):
            player.Begin("[" * 10**5)
        with contextlib.suppress(tango.DevFailed):
            target.director.RunMetadata = '{"a": "' + "x" * 10**6 + '"}'
        for text in ("[" * 10**5, "9" * 10**5):
            with contextlib.suppress(tango.DevFailed):
                player.Trigger(text)

    servers = [psutil.Process(child.pid) for child in target.children.values()]
    # glibc keeps some MB for each thread that had such a text, once; what is kept of each text grows on.
    peaks = [0] * len(servers)
    for _ in range(6):
        for _ in range(60):
            send()
        sizes = [server.memory_info().rss for server in servers]
        grown = max(size - peak for size, peak in zip(sizes, peaks, strict=True))
        peaks = list(map(max, sizes, peaks))
        if grown < 16 << 20:
            break
    assert grown < 16 << 20
    player.Stop()
    player.Script = "scripted.py"
    target.reset()
    assert target.play(2) == "ON", target.director.LastError
