"""The wheel has what people need after `pip install`: commands, example handlers and units."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout that has a file with secrets where the compose file reads it."""
    folder = tmp_path_factory.mktemp("built")
    left_out = shutil.ignore_patterns(
        ".*_cache", ".cache", ".git", ".hypothesis", ".venv", "build", "tests", "__pycache__"
    )
    shutil.copytree(ROOT, folder / "checkout", symlinks=True, ignore=left_out)
    (folder / "checkout" / "config" / "compose.env").write_text("IRODS_PASSWORD=secret\n")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "checkout")
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment in which the wheel is installed; dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel)
    # Dependencies only: packages of the checkout come from elsewhere, and must not be found.
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib") + os.linesep)
    return python.parent


def test_the_installed_commands_start_and_find_the_examples(installed: Path) -> None:
    assert run(installed / "ingest-scan", "--help").startswith("Usage: ingest-scan ")
    listed = [Path(line) for line in run(installed / "ingest-scan", "examples").splitlines()]
    assert all(file.is_relative_to(installed.parent) for file in listed)
    names = {str(Path(*file.parts[file.parts.index("examples") + 1 :])) for file in listed}
    assert {"handlers/retry.py", "systemd/ingest-watch@.service", "settings.yaml"} <= names
    assert all(file.is_file() for file in listed)


def test_type_checkers_find_the_types(installed: Path) -> None:
    code = "import ingest, pathlib; print((pathlib.Path(ingest.__file__).parent / 'py.typed').exists())"
    assert run(installed / "python", "-I", "-c", code) == "True\n"


def test_the_wheel_has_the_example_of_a_file_with_secrets_and_not_the_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert "compose.env.example" in names
    assert "compose.env" not in names
