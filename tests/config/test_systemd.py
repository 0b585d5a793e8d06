"""config/systemd holds together: systemd takes the units, and what they start is there, and says that it is ready."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.dispatch.loop import BACK_OFF, STOP_GRACE
from ingest.sqlite import BUSY_SECONDS
from tests.config.test_compose import COMMANDS, known_variables
from tests.conftest import CommandLine
from tests.support.services import ROOT
from tests.support.systemd import notify_socket

FOLDER = ROOT / "config" / "systemd"
PROGRAMS = {"watch": "watcher", "consume": "consumer"}
END_SECONDS = 30
SECONDS = {"s": 1, "min": 60}


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit, whatever their section, with `i` for the instance."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / f"ingest-{name}@.service").read_text().replace("%i", "i").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def seconds(value: str) -> int:
    """What systemd makes of a time of one part."""
    found = re.fullmatch(r"(\d+)(s|min)", value)
    assert found
    return int(found[1]) * SECONDS[found[2]]


def example(name: str, *, choices: bool = False) -> dict[str, str]:
    """The variables of an example, perhaps with those that one may choose to set."""
    text = (FOLDER / f"{name}.env.example").read_text()
    pattern = r"^#?(\w+)=(.*)$" if choices else r"^(\w+)=(.*)$"
    return dict(re.findall(pattern, text, re.MULTILINE))


def command_line(name: str, environ: dict[str, str]) -> list[str]:
    """ExecStart as systemd takes it apart: a variable in braces is one word, whatever is in it."""
    (line,) = unit(name)["ExecStart"]
    return [re.sub(r"\$\{(\w+)\}", lambda found: environ[found[1]], word) for word in line.split()]


@pytest.mark.parametrize("name", PROGRAMS)
def test_systemd_finds_nothing_wrong(name: str, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.fail("this test needs systemd-analyze: `make services` installs it", pytrace=False)
    copy, file = tmp_path / f"ingest-{name}@.service", FOLDER / f"ingest-{name}@.service"
    program = command_line(name, example(name))[0]
    copy.write_text(file.read_text().replace(f"ExecStart={program}", "ExecStart=/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    copy.write_text(copy.read_text().replace("WatchdogSec=", "WatchdgSec="))  # it is one that finds mistakes
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert "WatchdgSec" in done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_command_line_is_one_that_the_program_takes(name: str) -> None:
    program, *arguments = command_line(name, {"SOURCE": "-a source", "TARGET": "/zone/home/x"})
    command = COMMANDS[Path(program).name]
    with command.make_context(program, arguments) as context:
        assert context.params.get("source") == ("-a source" if name == "watch" else None)
    assert Path(program).name in re.findall(r"^([\w-]+) = ", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_has_variables_that_are_read(name: str) -> None:
    account = {f"IRODS_{each}" for each in ("HOST", "PORT", "ZONE_NAME", "USER_NAME", "PASSWORD_FILE")}
    read = {*account, "IRODS_ENVIRONMENT_FILE"} | ({"SOURCE", "TARGET"} if name == "watch" else set())
    variables = example(name, choices=True)
    assert account <= variables.keys()
    assert variables.keys() <= read | known_variables(f"ingest-{name}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_given_the_time_that_it_may_need(name: str) -> None:
    settings = {key: values[-1] for key, values in unit(name).items()}
    grace = float(example(name).get("INGEST_GRACE", STOP_GRACE))
    assert seconds(settings["WatchdogSec"]) >= 2 * BUSY_SECONDS > 2 * BACK_OFF[1]
    assert seconds(settings["WatchdogSec"]) > seconds(settings["TimeoutStopSec"]) >= grace + BUSY_SECONDS
    assert settings["KillMode"] == "mixed"  # workers that were told to end would not finish what they do


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_mistake_in_the_options_is_the_status_that_prevents_a_restart(name: str, scan: CommandLine) -> None:
    ran = scan("--imagine", program=PROGRAMS[name])
    assert [str(ran.status)] == unit(name)["RestartPreventExitStatus"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_it_starts_says_that_it_is_ready(
    name: str, scan: CommandLine, source: Path, home: str, tmp_path: Path
) -> None:
    folder = source / "two words"
    folder.mkdir()
    settings = dict(each.split("=", 1) for each in unit(name)["Environment"])
    (state,) = unit(name)["StateDirectory"]
    assert settings["INGEST_STATE"].startswith(f"/var/lib/{state}/")
    environ = {key: value for key, value in example(name).items() if key in ("INGEST_GRACE", "INGEST_LOG_LEVEL")}
    environ |= {"SOURCE": str(folder), "TARGET": home, "INGEST_WORKERS": "1", "INGEST_STATE": str(tmp_path / "s.db")}
    _, *arguments = command_line(name, environ)
    with notify_socket(tmp_path) as heard:
        process = subprocess.Popen(
            [sys.executable, "-m", PROGRAMS[name], *arguments], env={**scan.environ, **environ, **heard.environ}
        )
        try:
            assert heard.hear() == {"READY=1"}
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS) == 0
        finally:
            process.kill()
            process.wait()
