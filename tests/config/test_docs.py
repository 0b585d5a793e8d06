"""The variables, settings and links in the guides exist; `tests/docs` has the commands."""

from __future__ import annotations

import re
import subprocess

import pytest

from consumer.irods.sessions import credentials
from ingest.broker.kafka.settings import connection
from ingest.errors import Refused
from ingest.store.redis.server import place
from tests.config.test_compose import known_variables
from tests.support.services import ROOT

TEXTS = {name: (ROOT / "docs" / name).read_text() for name in ("distributed.md", "s3.md", "security.md")}
SHELL = [block for text in TEXTS.values() for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


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
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    links = [(page, each) for page in pages for each in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    assert len(links) > 40
    assert not [(page, each) for page, each in links if not (page.parent / each).exists()]
