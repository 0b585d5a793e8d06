"""What the guides tell to type is there: commands, options, variables, files."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator

import click
import pytest

from consumer.irods.sessions import credentials
from ingest.broker.kafka.settings import connection
from ingest.errors import Refused
from ingest.store.redis.server import place
from tests.config.test_compose import COMMANDS, known_variables
from tests.support.services import ROOT

TEXTS = {name: (ROOT / "docs" / name).read_text() for name in ("distributed.md", "s3.md")}
SHELL = [block for text in TEXTS.values() for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


def commands() -> Iterator[list[str]]:
    """The lines that run commands of ours, without what is set before them."""
    for line in "".join(SHELL).replace("\\\n", " ").splitlines():
        if not line.startswith(("ingest-", "INGEST_")):
            continue
        words = shlex.split(line)
        while words and words[0] not in COMMANDS:
            words = words[1:]
        if words:
            yield words


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_a_command_parses(words: list[str]) -> None:
    command, arguments = COMMANDS[words[0]], words[1:]
    with command.make_context(words[0], list(arguments)) as context:
        if isinstance(command, click.Group):
            name, found, rest = command.resolve_command(context, arguments)
            assert found is not None
            found.make_context(name, rest, parent=context)


def test_the_blocks_are_shell() -> None:
    assert len(SHELL) >= 16
    for block in SHELL:
        subprocess.run(["sh", "-n"], input=block, text=True, check=True)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_variable_is_one_that_is_read(text: str) -> None:
    named = set(re.findall(r"\bINGEST_[A-Z_]+[A-Z]", text))
    assert len(named) > 5
    assert named <= known_variables()


def test_the_settings_for_tls_mean_what_is_said() -> None:
    block = next(each for each in SHELL if "SASL_SSL" in each)
    environ = dict(re.findall(r"^export (\w+)=(.*)$", block, re.MULTILINE))
    assert place(environ["INGEST_REDIS"]) == environ["INGEST_REDIS"]
    with pytest.raises(Refused, match=r"^INGEST_KAFKA_CA_FILE: cannot read /etc/irods-landing-zone/ca.pem"):
        connection("kafka1.example.org:9093", environ)
    there = {name: value for name, value in environ.items() if not name.endswith("_FILE")}
    found = connection("kafka1.example.org:9093", there | {"INGEST_KAFKA_PASSWORD": "p"})
    assert (found["security_protocol"], found["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    account = {"IRODS_HOST": "h", "IRODS_PORT": "1", "IRODS_USER_NAME": "u", "IRODS_ZONE_NAME": "z"}
    assert credentials(account | {"IRODS_PASSWORD": "p"})["password"] == "p"


def test_links_lead_to_files() -> None:
    links = [each for text in TEXTS.values() for each in re.findall(r"\]\(([^)#:]+)\)", text)]
    assert links
    assert all((ROOT / "docs" / each).resolve().exists() for each in links)
