"""`ingest-scan examples`: the example handlers, units and settings that the package contains."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from ingest.errors import Refused

EXAMPLES = Path(__file__).parent / "examples"


def example_files() -> list[Path]:
    """The example files, relative to their folder, in order."""
    files = (file for file in EXAMPLES.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return sorted(file.relative_to(EXAMPLES) for file in files)


@click.command()
@click.option("--copy", "folder", type=click.Path(path_type=Path, file_okay=False), help="Copy them to this folder.")
def examples(folder: Path | None) -> None:
    """List the example handlers, systemd units and settings, or copy them to a folder."""
    if folder is None:
        for file in example_files():
            click.echo(EXAMPLES / file)
        return
    _refuse_overwriting(folder)
    try:
        for file in example_files():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(EXAMPLES / file, folder / file)
            click.echo(folder / file)
    except OSError as error:
        raise Refused(f"cannot copy the examples to {folder}: {error.strerror}") from error


def _refuse_overwriting(folder: Path) -> None:
    for file in example_files():
        if (folder / file).exists():
            raise Refused(f"{folder / file} exists already, nothing was copied: choose another folder")
