"""docker-compose.yml holds together: the official schema, its variables, its files, and the commands that it runs."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

from consumer.irods.sessions import credentials
from ingest.broker.kafka import settings
from ingest.handlers.signing import VARIABLE
from ingest.store.redis import server
from landingzone.consume import cli as consume
from landingzone.notification_options import OTHER_KAFKA
from landingzone.notification_options import SECRET as SHARED_SECRET
from landingzone.scan import cli as scan
from landingzone.watch import cli as watch
from tests.support.services import ROOT

SCHEMA = ROOT / ".cache" / "compose-spec.json"
FILE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / "config" / "compose.env.example"
REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<kind>[?-])(?P<more>[^}]*))?\}|(?P<bare>.))")
COMMANDS: dict[str, click.Command] = {"ingest-consume": consume, "ingest-scan": scan, "ingest-watch": watch}
SECRET = ("PASSWORD", "KEY", "USER")


class EmptyVariableError(Exception):
    """A variable that must not be empty is."""


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """The text as compose reads it. Raises EmptyVariableError."""

    def value(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        assert not found["bare"], f"a lone dollar: {found[0]}"
        given = values.get(found["name"], "")
        if found["kind"] == "?" and not given:
            raise EmptyVariableError(found["name"])
        return given or (found["more"] if found["kind"] == "-" else "")

    return REFERENCE.sub(value, text)


def example() -> dict[str, str]:
    """The variables of the example, with the values that it has."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def filled() -> dict[str, str]:
    """The example as a person fills it in."""
    return {name: value or ("/srv/landing" if name == "LANDING" else "x" * 32) for name, value in example().items()}


@pytest.fixture(scope="module")
def compose() -> Any:
    """The file with all variables filled in."""
    return yaml.safe_load(interpolated(FILE.read_text(), filled()))


def of_ours(compose: Any) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Name, command and environment of the services that run our image."""
    for name, service in compose["services"].items():
        if service.get("image") == "irods-landing-zone":
            yield name, service["command"], service["environment"]


def known_variables(*programs: str) -> set[str]:
    """Every environment variable that our commands read, or some of them."""
    found = {*settings.variables(), *settings.variables(OTHER_KAFKA), *server.ENVIRONMENT}
    found |= {each for name in (VARIABLE, SHARED_SECRET) for each in (name, f"{name}_FILE")}
    for command in [COMMANDS[each] for each in programs or COMMANDS]:
        for each in command.commands.values() if isinstance(command, click.Group) else [command]:
            found |= {str(parameter.envvar) for parameter in each.params if parameter.envvar}
    return found


def test_it_is_valid_by_the_official_schema(compose: Any) -> None:
    if not SCHEMA.exists():
        pytest.fail("this test needs the schema of compose files: `make services` brings it", pytrace=False)
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft7Validator(schema).validate(compose)
    with pytest.raises(jsonschema.ValidationError):  # the schema is one that finds mistakes
        jsonschema.Draft7Validator(schema).validate(compose | {"services": {"x": {"imagine": "y"}}})


def test_the_example_documents_every_variable_and_no_other() -> None:
    used = {found["name"] for found in REFERENCE.finditer(FILE.read_text()) if found["name"]}
    assert used == example().keys()


def test_the_example_holds_no_secret() -> None:
    assert all(value == "" for name, value in example().items() if name.endswith(SECRET))


def test_nothing_starts_with_an_empty_password() -> None:
    text = FILE.read_text()
    for name, value in example().items():
        if not value:
            with pytest.raises(EmptyVariableError):
                interpolated(text, filled() | {name: ""})
    for found in REFERENCE.finditer(text):
        assert not found["name"] or found["kind"] in ("?", "-"), f"{found[0]} may be empty in silence"


def test_the_filled_in_example_is_never_committed() -> None:
    ignored = ["git", "-C", str(ROOT), "check-ignore", "config/compose.env"]
    if (ROOT / ".git").exists():
        assert subprocess.run(ignored, capture_output=True, check=False).returncode == 0


def test_volumes_networks_and_dependencies_are_there(compose: Any) -> None:
    used = set()
    for name, service in compose["services"].items():
        assert set(service.get("networks", [])) <= compose.get("networks", {}).keys(), name
        for other, how in service.get("depends_on", {}).items():
            healthy = how["condition"] == "service_healthy"
            assert not healthy or "healthcheck" in compose["services"][other], f"{name} waits for the health of {other}"
        for volume in service.get("volumes", []):
            where = volume.split(":")[0]
            if where.startswith("."):
                assert (ROOT / where).exists(), volume
                assert volume.endswith(":ro"), volume
            elif not where.startswith("/"):
                used.add(where)
    assert used == compose["volumes"].keys()


def test_published_ports_are_open_to_this_machine_only(compose: Any) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_consumers_scale(compose: Any) -> None:
    assert not compose["services"]["consumer"].keys() & {"container_name", "ports", "hostname"}
    assert "INGEST_INSTANCE_ID" not in compose["services"]["consumer"]["environment"]


def test_images_are_pinned_and_kafka_is_the_one_that_the_tests_run(compose: Any) -> None:
    images = {service["image"] for service in compose["services"].values() if "build" not in service}
    assert all(":" in image and not image.endswith(":latest") for image in images)
    version = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>([\d.]+)<", (
        ROOT / "tests" / "support" / "kafka" / "pom.xml").read_text())  # fmt: skip
    assert version is not None
    assert f"apache/kafka:{version[1]}" in images


def test_our_commands_know_the_options_that_they_are_given(compose: Any) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for _, (program, *arguments), _ in of_ours(compose):
        module = re.search(rf"^{program} = \"([\w.]+):", text, re.MULTILINE)
        assert module is not None
        told = subprocess.run([sys.executable, "-m", module[1], "--help"], capture_output=True, check=True, text=True)
        given = {each.partition("=")[0] for each in arguments if each.startswith("--")}
        assert given <= set(re.findall(r"--[\w-]+", told.stdout)), program


def test_our_services_are_given_variables_that_are_read(compose: Any) -> None:
    services = {name: (command[0], environ) for name, command, environ in of_ours(compose)}
    assert services.keys() == {"watcher", "consumer"}
    for program, environ in services.values():
        assert {name for name in environ if name.startswith("INGEST_")} <= known_variables(program)
        account = credentials({name: str(value) for name, value in environ.items()})
        assert (account["host"], account["user"]) == ("irods", "rods")
        assert environ["INGEST_KAFKA"].split(":")[0] in compose["services"]
        assert re.fullmatch(r"redis://redis:6379/\d", environ["INGEST_REDIS"])


def test_prometheus_asks_servers_that_are_there(compose: Any) -> None:
    settings = yaml.safe_load((ROOT / "config" / "prometheus" / "prometheus.yml").read_text())
    hosts = {
        target.split(":")[0]
        for job in settings["scrape_configs"]
        for static in job.get("static_configs", [])
        for target in static["targets"]
    }
    found = [each for job in settings["scrape_configs"] for each in job.get("dns_sd_configs", [])]
    hosts |= {name for each in found for name in each["names"]}
    ours = compose["services"]["watcher"]["environment"]["INGEST_METRICS_PORT"]
    assert [str(each["port"]) for each in found] == [ours]
    assert hosts <= compose["services"].keys() | {"localhost"}


def test_the_images_are_made_of_files_that_are_there() -> None:
    subprocess.run(["sh", "-n", str(ROOT / "config" / "irods" / "start.sh")], check=True)
    for file in (ROOT / "Dockerfile", ROOT / "config" / "irods" / "Dockerfile"):
        for line in re.findall(r"^COPY (.*)$", file.read_text(), re.MULTILINE):
            assert all((file.parent / each).exists() for each in line.split()[:-1]), line
        assert re.search(r"^FROM \S+:\d[\w.-]*$", file.read_text(), re.MULTILINE)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / each).exists() for each in kept)
    packages = re.search(r"^packages = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert packages is not None
    assert set(ast.literal_eval(packages[1])) <= kept
    assert (ROOT / ".dockerignore").read_text().splitlines()[-1] == "config/compose.env", (
        "secrets stay out of the image"
    )
    assert re.search(r"^USER (?!root)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_the_irods_server_is_set_up_with_what_the_service_says(compose: Any, tmp_path: Path) -> None:
    template = {
        "schema_version": "v5", "plugin_configuration": {"rule_engines": []}, "encryption": {"algorithm": "AES"},
        "client_server_policy": "CS_NEG_REFUSE", "connection_pool_refresh_time_in_seconds": 300,
        "default_hash_scheme": "SHA256", "match_hash_policy": "compatible",
        "advanced_settings": {"default_number_of_transfer_threads": 4,
                              "maximum_size_for_single_buffer_in_megabytes": 32,
                              "transfer_buffer_size_for_parallel_transfer_in_megabytes": 4},
    }  # fmt: skip
    (tmp_path / "template").write_text(json.dumps(template))
    program = ["python3", str(ROOT / "config" / "irods" / "unattended.py"), str(tmp_path / "template")]
    environ = compose["services"]["irods"]["environment"] | {"IRODS_PASSWORD": "the-password", "PATH": "/usr/bin:/bin"}
    told = subprocess.run(program, env=environ, capture_output=True, check=True, text=True)
    answers = json.loads(told.stdout)
    assert answers["admin_password"] == "the-password"
    assert answers["server_config"]["plugin_configuration"]["database"]["host"] in compose["services"]
    assert answers["server_config"]["host"] == compose["services"]["irods"]["hostname"]
    assert len(answers["server_config"]["negotiation_key"]) == 32
    assert answers["service_account_environment"]["irods_home"] == "/tempZone/home/rods"
    assert answers["service_account_environment"]["irods_encryption_algorithm"] == "AES"
