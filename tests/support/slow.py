"""Tests marked `slow`: all of them run by default, none with `--slow none`, and a third of them with `--slow third`.

A slow test repeats, in another setting, behaviour that a quicker test covers. SLOW_SEED chooses the third. Its default
is the number of the day, so that the runs of three successive days cover all slow tests.
"""

from __future__ import annotations

import os
import time
import zlib

import pytest

THIRDS = 3
DAY_SECONDS = 86_400
_DESELECTED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--slow`."""
    choices = ("all", "third", "none")
    parser.addoption("--slow", choices=choices, default="all", help="which tests marked slow run (default: all)")


def pytest_configure() -> None:
    """Set SLOW_SEED once for all processes of a run: they must collect the same tests, at midnight as well."""
    os.environ.setdefault("SLOW_SEED", str(int(time.time()) // DAY_SECONDS))


def pytest_report_header(config: pytest.Config) -> str:
    """Say which slow tests run, and with which seed the same ones run again."""
    which = config.getoption("slow")
    return f"slow tests: {which}" + (f", SLOW_SEED={os.environ['SLOW_SEED']}" if which == "third" else "")


def chosen(node: str, which: str, seed: int) -> bool:
    """Whether a slow test runs. Of three successive seeds, one chooses it."""
    return which == "all" or (which == "third" and zlib.crc32(node.encode()) % THIRDS == seed % THIRDS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the slow tests that are not chosen."""
    which, seed = str(config.getoption("slow")), int(os.environ["SLOW_SEED"])
    out = [each for each in items if each.get_closest_marker("slow") and not chosen(each.nodeid, which, seed)]
    if out:
        items[:] = [each for each in items if each not in out]
        config.hook.pytest_deselected(items=out)
    config.stash[_DESELECTED] = len(out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the number of deselected tests from a process of pytest-xdist to the one that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["slow"] = session.config.stash.get(_DESELECTED, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take the number from one of the processes: all collect the same tests."""
    output, config = getattr(node, "workeroutput", {}), getattr(node, "config")  # noqa: B009 - pytest-xdist has no types
    config.stash[_DESELECTED] = output.get("slow", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many slow tests did not run."""
    if count := config.stash.get(_DESELECTED, 0):
        terminalreporter.line(f"{count} slow tests were deselected: {pytest_report_header(config)}")
