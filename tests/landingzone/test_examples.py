"""`ingest-scan examples` lists or copies what the package contains, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from ingest.errors import Refused
from landingzone.scan import cli

CONFIG = Path(__file__).parents[2] / "config"
FILES = sorted(file.relative_to(CONFIG) for file in CONFIG.rglob("*") if file.is_file() and file.suffix != ".pyc")


def test_every_example_is_listed_with_its_path() -> None:
    lines = CliRunner().invoke(cli, ["examples"]).output.splitlines()
    assert [Path(line).resolve() for line in lines] == [CONFIG / file for file in FILES]


def test_examples_are_copied_once_and_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    copied = CliRunner().invoke(cli, ["examples", "--copy", str(folder)])
    assert (copied.exit_code, copied.output.splitlines()) == (0, [str(folder / file) for file in FILES])
    assert all((folder / file).read_bytes() == (CONFIG / file).read_bytes() for file in FILES)
    for file in FILES[1:]:
        (folder / file).unlink()
    (folder / FILES[0]).write_text("mine")
    refused = CliRunner().invoke(cli, ["examples", "--copy", str(folder)])
    assert isinstance(refused.exception, Refused)
    assert str(folder / FILES[0]) in str(refused.exception)
    assert [file for file in FILES if (folder / file).exists()] == FILES[:1]
    assert (folder / FILES[0]).read_text() == "mine"
