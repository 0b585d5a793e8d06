"""MkDocs hook: fills the pages below `reference/` from the code.

A page has a line `<!-- generated: NAME -->` where the text of the function NAME goes.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from prometheus_client import REGISTRY

import consumer.dispatch.metrics  # noqa: F401 - importing these modules registers their metrics
import watcher.files.root
import watcher.metrics  # noqa: F401
from devzone.cli import main as devzone
from ingest import messages
from ingest.broker.kafka import settings
from ingest.handlers import check, signing
from ingest.store.redis import server
from landingzone import notification_options
from landingzone.consume import cli as consume
from landingzone.scan import cli as scan
from landingzone.watch import cli as watch

COMMANDS = {"ingest-scan": scan, "ingest-watch": watch, "ingest-consume": consume, "ingest-devzone": devzone}
MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks of a page. MkDocs calls this for each page."""
    return MARK.sub(lambda mark: GENERATED[mark[1]](), markdown)


def on_files(files: Any, config: Any) -> Any:
    """Take CONTRIBUTING.md and CHANGELOG.md of the repository into the site. MkDocs calls this once."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the tests of this file do not need MkDocs

    root = Path(config.config_file_path).parent
    text = (root / "CONTRIBUTING.md").read_text().replace("](docs/", "](")
    files.append(File.generated(config, "contributing.md", content=text))
    return files


def walk() -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name."""
    for name, command in COMMANDS.items():
        yield name, command
        if isinstance(command, click.Group):
            for each in sorted(command.commands):
                yield f"{name} {each}", command.commands[each]


def commands() -> str:
    """A section per command: usage, help text, options."""
    return "\n\n".join(_command(name, command) for name, command in walk())


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    text = inspect.cleandoc(command.help or "").replace("\b\n", "") + "\n"
    text = re.sub(r"^Examples:\n((?:  .*\n?)+)", r"```text\n\1```\n", text, flags=re.MULTILINE)
    parts = [f"## {name}", f"`{name} {usage}`", text]
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options and not isinstance(command, click.Group):
        rows = [_option(each, context) for each in options]
        parts.append(table(("Option", "Value", "Default", "Variable", "Meaning"), rows))
    return "\n\n".join(parts)


def _option(option: click.Option, context: click.Context) -> tuple[str, ...]:
    spellings = ", ".join(f"`{each}`" for each in option.opts)
    value = "" if option.is_flag else f"`{option.make_metavar(context)}`"
    shown = option.default not in (None, False, ()) and isinstance(option.default, (str, int, float))
    default = f"`{option.default}`" if shown else ""
    variable = f"`{option.envvar}`" if option.envvar else ""
    return spellings, value, default, variable, option.help or ""


def variables() -> str:
    """The environment variables that are not options."""
    rows = [(f"`{name}`", "Kafka of the queue") for name in sorted(settings.variables())]
    rows += [(f"`{name}`", "Redis") for name in sorted(server.ENVIRONMENT)]
    others = sorted(settings.variables(notification_options.OTHER_KAFKA))
    rows += [(f"`{name}`", "Kafka of S3 notifications") for name in others]
    for name, meaning in (
        (signing.VARIABLE, "Key that signs event handlers"),
        (notification_options.SECRET, "Secret of the webhook for S3 notifications"),
    ):
        rows += [(f"`{name}`", meaning), (f"`{name}_FILE`", f"{meaning}, read from this file")]
    return table(("Variable", "Used for"), rows)


def metrics() -> str:
    """All metrics with their labels."""
    rows = []
    collectors = {id(each): each for each in REGISTRY._names_to_collectors.values()}
    for collector in collectors.values():
        for family in collector.collect():
            if family.name.startswith("ingest_"):
                suffix = "_total" if family.type == "counter" else ""
                labels = ", ".join(f"`{each}`" for each in getattr(collector, "_labelnames", ()))
                rows.append((f"`{family.name}{suffix}`", family.type, labels, family.documentation))
    return table(("Metric", "Type", "Labels", "Meaning"), sorted(rows))


def message_types() -> str:
    """A section per message and per structure in them."""
    found = [each for each in vars(messages).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    public = [each for each in found if not each.__name__.startswith("_")]
    return "\n\n".join(_struct(each) for each in public)


def _struct(struct: type[msgspec.Struct]) -> str:
    tag = struct.__struct_config__.tag
    rows = []
    for field, kind in zip(msgspec.structs.fields(struct), _kinds(struct), strict=True):
        required = field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
        rows.append((f"`{field.encode_name}`", f"`{kind}`", "yes" if required else "no"))
    head = [f"## {struct.__name__}", *([f'`"type": "{tag}"`'] if tag else [])]
    return "\n\n".join([*head, inspect.getdoc(struct) or "", table(("Field", "Type", "Required"), rows)])


def _kinds(struct: type[msgspec.Struct]) -> Iterator[str]:
    for field in msgspec.structs.fields(struct):
        text = field.type.__name__ if isinstance(field.type, type) and "[" not in str(field.type) else str(field.type)
        yield re.sub(r"\b(?:ingest\.messages|typing)\.", "", text)


def handler_methods() -> str:
    """The names and arguments that a handler may define."""
    rows = [(f"`{name}`", _arguments(call.arguments)) for name, call in check._KNOWN.items()]
    return table(("Method", "Arguments"), rows)


def _arguments(names: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in names)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; vertical bars and line breaks in cells are escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(each) for each in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


GENERATED: dict[str, Callable[[], str]] = {
    each.__name__: each for each in (commands, variables, metrics, message_types, handler_methods)
}
