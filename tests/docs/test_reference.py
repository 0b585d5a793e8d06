"""The generated reference is complete, and each page of it has its text."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import click
import msgspec
import pytest

from ingest import messages
from ingest.handlers.core import Core
from tests.config.test_compose import known_variables
from tests.support.services import ROOT


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The hook of MkDocs."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_filled(reference: ModuleType) -> None:
    marks = []
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        marks += reference.MARK.findall(page.read_text())
        assert "generated:" not in reference.on_page_markdown(page.read_text())
    assert set(marks) == reference.GENERATED.keys()


def test_it_has_every_option(reference: ModuleType) -> None:
    text = reference.commands()
    for name, command in reference.walk():
        section = text[text.index(f"## {name}\n") :].split("\n## ")[0]
        if not isinstance(command, click.Group):
            options = {each for option in command.params if isinstance(option, click.Option) for each in option.opts}
            assert options == set(
                re.findall(r"`(--?[\w-]+)`", "".join(re.findall(r"^\| (`-[^|]*)", section, re.MULTILINE)))
            )


def test_every_variable_is_one_that_is_read(reference: ModuleType) -> None:
    named = set(re.findall(r"`(INGEST_\w+)`", reference.variables()))
    assert len(named) > 20
    assert named <= known_variables()


def test_it_has_the_metrics_of_the_guide(reference: ModuleType) -> None:
    named = set(re.findall(r"`(ingest_\w+)", (ROOT / "docs" / "distributed.md").read_text()))
    assert len(named) >= 9
    assert named <= set(re.findall(r"`(ingest_\w+)`", reference.metrics()))


def test_it_has_every_message_with_its_fields(reference: ModuleType) -> None:
    text = reference.message_types()
    assert "_Task" not in text.split()
    for each in (messages.Restart, messages.ListPath, messages.SyncFiles):
        section = text[text.index(f"## {each.__name__}\n") :].split("\n## ")[0]
        assert {field.name for field in msgspec.structs.fields(each)} <= set(
            re.findall(r"^\| `(\w+)`", section, re.MULTILINE)
        )


def test_it_has_the_methods_of_handlers(reference: ModuleType) -> None:
    text = reference.handler_methods()
    assert all(f"`{name}`" in text for name in vars(Core) if name.startswith("on_"))
    assert "`operation`" in text
