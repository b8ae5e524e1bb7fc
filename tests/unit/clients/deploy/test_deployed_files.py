"""What donki deploy writes, read by the programs that it is for, of any scenario."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner
from compose_spec import PyCompose
from dsconfig.formatting import validate_json
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import FileError, InputError
from donki_client.command import donki
from donki_client.commands.deploy import DIFFERENT
from donki_client.deploy.deploy import plan_deployment
from donki_client.deploy.targets.names import label
from helpers.support import needs

ADDRESS = "tango.beamline:10000"
FILES = ("dsconfig", "systemd", "compose", "kubernetes")
LIMIT = 60  # s

#: The keys of the resources of the SKA's operator, as its Helm charts (ska-tango-charts 0.4.18) set them.
DATABASE_KEYS = {"clusterDomain", "usePV", "enableLoadBalancer", "imagePullPolicy", "tangoDBStorageClass"}
SERVER_KEYS = {
    *("legacycompatibility", "clusterDomain", "enableLoadBalancer", "databaseds", "image", "imagePullPolicy"),
    *("args", "volumes", "volumeMounts", "dsname", "postStart", "preStop", "config", "command", "script"),
    *("dependsOn", "env", "resources", "securityContext", "nodeSelector", "affinity", "tolerations"),
}


def write(folder: Path, players: dict | None = None, name: str = "own", **more) -> Path:
    """Write a scenario, and the script of its Players."""
    folder.mkdir(exist_ok=True)
    (folder / "act.py").write_text("import math, beside\n\ndef action(trigger): ...\n")
    (folder / "beside.py").write_text("DATA = 'tables'\n")
    (folder / "tables").mkdir(exist_ok=True)
    (folder / "tables" / "tof.dat").write_bytes(b"\xff\x00")
    scenario = {"triggers": 5, "players": players or {"p": {"script": "act.py"}}, **more}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(scenario, allow_unicode=True))
    return file


def deploy(file: Path, to: str, output: Path, **options) -> dict[str, str]:
    """Deploy it, make sure that the second time changes nothing, and return the texts of the files."""
    plan_deployment(file, to, output=output, database=ADDRESS, environment={}, **options).apply()
    assert plan_deployment(file, to, output=output, database=ADDRESS, environment={}, **options).diff == ""
    return {
        str(path.relative_to(output)): path.read_text(errors="surrogateescape")
        for path in output.rglob("*")
        if path.is_file()
    }


def check_dsconfig(files):
    [text] = [text for name, text in files.items() if name.endswith(".json") and not name.startswith(".")]
    validate_json(json.loads(text))


def check_systemd(files):
    units = [name for name in files if "/systemd/system/" in name]
    assert units
    assert all(text.isascii() or "%" not in text for text in files.values())


def check_compose(files):
    PyCompose.from_yaml(files["compose.yaml"])
    services = yaml.safe_load(files["compose.yaml"])["services"]
    assert all(name in services for service in services.values() for name in service.get("depends_on", ()))
    check_dsconfig({"tango.json": files["tango.json"]})


def objects(files):
    texts = (text for name, text in files.items() if name.endswith(".yaml"))
    return [thing for text in texts for thing in yaml.load_all(text, yaml.CSafeLoader)]


def check_kubernetes(files):
    names, ours = set(), {}
    for thing in objects(files):
        spec = thing.get("spec", {})
        match thing["kind"]:
            case "DatabaseDS":
                assert set(spec) <= DATABASE_KEYS
            case "DeviceServer":
                assert set(spec) <= SERVER_KEYS
                validate_json(json.loads(spec["config"]))
            case kind:
                ours[kind] = thing  # one of each kind: it takes long, and the others are made alike
        assert label(thing["metadata"]["name"]) == thing["metadata"]["name"]
        assert (thing["kind"], thing["metadata"]["name"]) not in names
        names.add((thing["kind"], thing["metadata"]["name"]))
    for thing in ours.values():
        kubernetes_validate.validate(thing, kubernetes_validate.latest_version(), strict=True)


CHECKS = {
    "dsconfig": check_dsconfig,
    "systemd": check_systemd,
    "compose": check_compose,
    "kubernetes": check_kubernetes,
}

player_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,70}", fullmatch=True)
#: Latin-1, and what YAML, shells, systemd and compose might take for their own.
texts = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20) | st.sampled_from(
    ["no", "~", "$HOME", "${X}", "%n", "a: b", "# x", "'\"", "a\nb", "0x1f", "1e3", "trailing "]
)
scenarios = st.dictionaries(
    player_names,
    st.fixed_dictionaries(
        {"script": st.just("act.py")},
        optional={
            "server": st.sampled_from(["bank", "Bank.2", "b-2"]),
            "parameters": st.dictionaries(texts, texts, max_size=3),
            "priority": st.integers(-1, 3),
        },
    ),
    min_size=1,
    max_size=4,
).filter(
    lambda players: (
        len({name.lower() for name in players}) == len(players)
        and any(player.get("priority", 0) >= 0 for player in players.values())
    )
)


@pytest.mark.parametrize("target", FILES)
@settings(max_examples=max(1, settings().max_examples // 4))  # each writes and reads a folder
@given(players=scenarios, files=st.sampled_from([None, "data", "/data/nexus"]))
def test_any_scenario_is_read_by_what_it_is_for_and_written_again_without_change(
    target, players, files, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("any")
    file = write(folder / "here", players, hdf5=files)
    refusal = ""
    try:
        CHECKS[target](deploy(file, target, folder / "there"))
    except InputError as error:
        refusal = str(error)
    # Names that a server and a Player share but for the case, or that are too long for a unit.
    expected = ("two servers have one name", "too long for systemd")
    assert not refusal or any(words in refusal for words in expected)
    shutil.rmtree(folder)


def test_units_are_correct_to_systemd(tmp_path):
    needs("systemd-analyze", shutil.which("systemd-analyze"), "apt-get install systemd")
    players = {"a": {"script": "act.py"}, "b": {"script": "act.py", "host": "detector-pc"}}
    # The servers of this environment, so that systemd finds them.
    prefix = PurePosixPath(sys.prefix)
    there = tmp_path / "there"
    files = deploy(write(tmp_path / "here", players, hdf5="da ta"), "systemd", there, prefix=prefix)
    scripts = prefix.relative_to("/") / "scripts"
    assert {name for name in files if name.startswith(str(scripts))} == {
        *(str(scripts / name) for name in ("act.py", "beside.py", "tables/tof.dat"))
    }
    for tree, what in ((there, "player-a"), (there / "detector-pc", "player-b")):
        units = tree / "etc" / "systemd" / "system"
        assert (units / f"donki-own-{what}.service").exists()
        checked = ["systemd-analyze", "verify", "--recursive-errors=no", *units.iterdir()]
        done = subprocess.run(checked, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        rated = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager"]
        done = subprocess.run(
            [*rated, units / f"donki-own-{what}.service"],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stdout
    assert "ReadWritePaths=/var/lib/donki/own" in files["etc/systemd/system/donki-own-player-a.service"]
    assert f"TANGO_HOST={ADDRESS}\n" in files["etc/donki/own.env"]


def test_scripts_travel_with_what_they_need(tmp_path):
    files = deploy(write(tmp_path / "here"), "kubernetes", tmp_path / "there")
    [scripts] = [thing for thing in objects(files) if thing["metadata"]["name"] == "scripts"]
    assert scripts["data"]["beside.py"] == "DATA = 'tables'\n"
    [(key, content)] = scripts["binaryData"].items()
    assert base64.b64decode(content) == b"\xff\x00"
    deployed = yaml.safe_load_all(files["servers/player-p.yaml"])
    volumes = next(iter(deployed))["spec"]["template"]["spec"]["volumes"]
    [mounted] = [volume["configMap"]["items"] for volume in volumes if volume["name"] == "scripts"]
    assert {"key": key, "path": "tables/tof.dat"} in mounted


def test_names_stay_apart():
    names = ["A.b", "a-b", "a_b", "a.b.", "x" * 63, "x" * 64, "x" * 65, "a"]
    labels = [label(name) for name in names]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 63
    assert (label("Panel-1"), label("a-b")) == ("panel-1", "a-b")


def test_a_changed_scenario_is_shown_before_it_is_written(tmp_path):
    there = tmp_path / "there"
    before = deploy(
        write(tmp_path / "here", {"a": {"script": "act.py"}, "b": {"script": "act.py"}}), "compose", there
    )
    (there / "mine.txt").write_text("keep")
    file = write(tmp_path / "here", {"a": {"script": "act.py"}})
    (tmp_path / "here" / "beside.py").unlink()
    plan = plan_deployment(file, "compose", output=there, environment={})
    assert "-DATA = 'tables'\n" in plan.diff
    assert "\n-  player-b:\n" in plan.diff
    assert (there / "compose.yaml").read_text() == before["compose.yaml"]
    plan.apply()
    assert f"removed  {there / 'scripts' / 'beside.py'}\n" in plan.summary
    assert not (there / "scripts" / "beside.py").exists()
    assert (there / "mine.txt").read_text() == "keep"


def refused(file, to, words, **options):
    with pytest.raises(InputError, match=words):
        plan_deployment(file, to, **{"database": ADDRESS, "environment": {}, **options})


ELSEWHERE = "192.0.2.7:10000"


def write_sections(folder: Path) -> Path:
    """Write a scenario with a section in a Tango database of its own, which has a section too."""
    act = {"script": "act.py"}
    write(folder, {"m": act}, name="monitors", hdf5="data")
    inner = {"monitors": {"scenario": "monitors.yaml"}}
    write(folder, {"left": act}, name="bank", sections=inner, database=ELSEWHERE, hdf5="/data/nexus")
    outer = {"bank": {"scenario": "bank.yaml", "priority": 1}}
    return write(folder, {"top": act}, sections=outer, broker="kafka.beamline:9092")


def entered(text):
    """Return what a file of dsconfig enters, by device."""
    return {
        name: device
        for instances in json.loads(text)["servers"].values()
        for classes in instances.values()
        for devices in classes.values()
        for name, device in devices.items()
    }


@pytest.mark.parametrize("target", FILES)
def test_sections_are_deployed_with_their_players(target, tmp_path):
    files = deploy(write_sections(tmp_path / "here"), target, tmp_path / "there")
    if target == "dsconfig":
        for text in (files["own.json"], files["own-192.0.2.7-10000.json"]):
            check_dsconfig({"own.json": text})
    else:
        CHECKS[target](files)
    if target == "systemd":
        here = {name.rpartition("/")[2] for name in files if name.endswith(".service")}
        assert here == {
            *(f"donki-own-player-{name}.service" for name in ("top", "left", "m")),
            *("donki-own-section-bank.service", "donki-own-section-monitors.service"),
            "donki-own-director.service",
        }
        assert files["etc/donki/own-192.0.2.7-10000.env"].endswith(f"TANGO_HOST={ELSEWHERE}\n")
        for unit, named in (("section-monitors", "own-192.0.2.7-10000"), ("director", "own")):
            text = files[f"etc/systemd/system/donki-own-{unit}.service"]
            assert f"EnvironmentFile=/etc/donki/{named}.env\n" in text
            assert "ReadWritePaths=/data/nexus\n" in text
    if target == "compose":
        assert {"director", "section-bank", "section-monitors"} <= set(
            yaml.safe_load(files["compose.yaml"])["services"]
        )
        devices = entered(files["tango.json"])
        # One database is brought along, for all.
        assert devices["donki/director/own"]["properties"]["PlayerDevices"] == [
            "donki/player/top",
            "donki/section/bank",
        ]
        journals = {name: device["properties"].get("RunDirectory") for name, device in devices.items()}
        assert journals["donki/director/own"] == ["/var/lib/donki/runs"]
        assert journals["donki/section/monitors"] == ["/var/lib/donki/runs/monitors"]
        assert devices["donki/player/m"]["properties"]["FileDirectory"] == ["/var/lib/donki/data"]
        assert devices["donki/player/m"]["properties"]["KafkaBrokers"] == ["kafka.beamline:9092"]
    if target == "dsconfig":
        assert set(entered(files["own.json"])) == {"donki/director/own", "donki/player/top"}
        bank = entered(files["own-192.0.2.7-10000.json"])["donki/section/bank"]
        assert bank["properties"]["PlayerDevices"] == ["donki/player/left", "donki/section/monitors"]
        assert (bank["attribute_properties"]["Priority"], bank["properties"]["RunTopic"]) == (
            {"__value": ["1"]},
            [""],
        )


def test_a_section_is_on_its_host_with_its_players(tmp_path):
    act = {"script": "act.py"}
    write(tmp_path / "here", {"m": act}, name="monitors")
    inner = {"monitors": {"scenario": "monitors.yaml"}}
    players = {"left": act, "right": {**act, "host": "other-pc"}}
    write(tmp_path / "here", players, name="bank", sections=inner)
    outer = {"bank": {"scenario": "bank.yaml", "host": "bank-pc"}}
    file = write(tmp_path / "here", {"top": act}, sections=outer)
    files = deploy(file, "systemd", tmp_path / "there")
    units = {name.replace("etc/systemd/system/donki-own-", "") for name in files if name.endswith(".service")}
    assert units == {
        *("director.service", "player-top.service", "other-pc/player-right.service"),
        *(
            f"bank-pc/{name}.service"
            for name in ("section-bank", "section-monitors", "player-left", "player-m")
        ),
    }


def test_one_server_name_in_two_sections_is_refused(tmp_path):
    write(tmp_path / "here", {"left": {"script": "act.py", "server": "shared"}}, name="bank")
    players = {"top": {"script": "act.py", "server": "Shared"}}
    file = write(tmp_path / "here", players, sections={"bank": {"scenario": "bank.yaml"}})
    refused(file, "tango", "the server 'shared' in section bank has the name of another at the top")


def test_what_cannot_be_deployed_is_named(tmp_path):
    file, there = write(tmp_path / "here"), tmp_path / "there"
    refused(file, "nomad", "a target is tango, dsconfig, .*; got 'nomad'")
    refused(file, "compose", "--output DIR")
    refused(file, "systemd", "no Tango database is named", output=there, database=None)
    refused(file, "tango", "no Tango database is named", database=None)
    refused(
        file, "systemd", "--prefix opt: name an absolute folder", output=there, prefix=PurePosixPath("opt")
    )
    refused(file, "compose", "'nowhere:x'", output=there, broker="nowhere:x")
    there.mkdir()
    (there / "compose.yaml").write_text("services: {}\n")
    refused(file, "compose", "compose.yaml: was not written by donki deploy", output=there)
    (there / "compose.yaml").unlink()
    deploy(file, "compose", there)
    refused(file, "kubernetes", "holds compose of own.yaml; choose another folder", output=there)
    other = tmp_path / "other"
    write(other)
    (other / "act.py").write_text("def action(trigger): return 1\n")
    both = {"a": {"script": "act.py"}, "b": {"script": str(other / "act.py")}}
    refused(write(tmp_path / "here", both), "compose", "would both be act.py on the hosts", output=there)
    greek = write(tmp_path / "\u03b1")
    refused(greek, "tango", "Latin-1 alone.*ScriptPath has '\u03b1'")
    assert plan_deployment(greek, "dsconfig", prefix=PurePosixPath("/opt"), environment={}).summary


def test_more_than_kubernetes_takes_is_refused(tmp_path):
    file = write(tmp_path / "here")
    (tmp_path / "here" / "tables" / "tof.dat").write_bytes(bytes(1_000_000))
    refused(
        file, "kubernetes", "the ConfigMap scripts would have .* Kubernetes takes", output=tmp_path / "there"
    )


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    plan = plan_deployment(
        write(tmp_path / "here"), "compose", output=tmp_path / "file" / "there", environment={}
    )
    with pytest.raises(FileError, match=r"file.*cannot be written \(Not a directory\)"):
        plan.apply()


def test_data_are_mounted_where_the_scripts_find_them(tmp_path):
    (tmp_path / "here" / "recorded").mkdir(parents=True)
    players = {"p": {"script": "act.py", "data_path": ["recorded"], "parameters": {"file": "run.nxs"}}}
    file = write(tmp_path / "here", players)
    files = deploy(file, "compose", tmp_path / "compose")
    service = yaml.safe_load(files["compose.yaml"])["services"]["player-p"]
    source = str(tmp_path / "here" / "recorded")
    mount = {"type": "bind", "source": source, "target": "/opt/donki/data/recorded", "read_only": True}
    assert mount in service["volumes"]
    entered = json.loads(files["tango.json"])["servers"]["DonkiPlayer"]["p"]["DonkiPlayer"]["donki/player/p"]
    assert entered["properties"]["DataPath"] == ["/opt/donki/data/recorded"]
    files = deploy(file, "kubernetes", tmp_path / "kubernetes")
    claims = [
        thing["metadata"]["name"] for thing in objects(files) if thing["kind"] == "PersistentVolumeClaim"
    ]
    assert claims == ["state", "data-recorded"]


def test_what_the_scenario_names_is_used_and_not_brought_along(tmp_path):
    file = write(tmp_path / "here", broker="kafka.beamline:9092", kafka_client="confluent-kafka")
    files = deploy(file, "compose", tmp_path / "there")
    assert "kafka" not in yaml.safe_load(files["compose.yaml"])["services"]
    assert '"kafka.beamline:9092"' in files["tango.json"]
    assert "donkiorchestra[fast]~=" in files["Containerfile"]
    assert "common/kafka.yaml" not in deploy(file, "kubernetes", tmp_path / "manifests")


def test_passwords_are_left_to_the_operator(tmp_path):
    file = write(tmp_path / "here")
    services = yaml.safe_load(deploy(file, "compose", tmp_path / "compose")["compose.yaml"])["services"]
    for name, key in (("tango-db", "MARIADB_PASSWORD"), ("databaseds", "MYSQL_PASSWORD")):
        assert services[name]["environment"][key].startswith("${TANGO_DB_PASSWORD:?")
    files = deploy(file, "kubernetes", tmp_path / "kubernetes")
    assert "Secret" not in {thing["kind"] for thing in objects(files)}
    assert files["servers/database.yaml"].count("secretKeyRef") == 2


def test_a_dry_run_says_by_its_exit_status_whether_something_would_change(tmp_path):
    there = tmp_path / "there"
    arguments = ["deploy", str(write(tmp_path / "here")), "--to", "compose", "--output", str(there)]
    run = CliRunner().invoke
    shown = run(donki, [*arguments, "--dry-run"])
    assert (shown.exit_code, "\n+services:\n" in shown.stdout, there.exists()) == (DIFFERENT, True, False)
    done = run(donki, arguments)
    assert (done.exit_code, f"written  {there / 'compose.yaml'}" in done.stdout) == (0, True)
    again = run(donki, [*arguments, "--dry-run"])
    assert (again.exit_code, again.stdout) == (0, "")
    assert "Nothing to change." in run(donki, arguments).stderr


def test_a_bundled_scenario_is_deployed(tmp_path):
    check_kubernetes(deploy(Path("loki.yaml"), "kubernetes", tmp_path))
