"""One seed from beginning to end."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.campaign import verdict
from tests.campaign.changes import KEPT, Change, Source
from tests.campaign.deployments import Deployment, deployed, reached
from tests.campaign.faults import Faults
from tests.campaign.scenario import ONCE, PERIODIC, WATCH, Fault, Scenario, Step
from tests.campaign.verdict import Difference, Finding

_REST_SECONDS = {"alone": 120.0, "periodic": 120.0, "served": 120.0, "kafka": 180.0}
_BEGIN_SECONDS = 60.0
_LOOK_SECONDS = 15.0
"""A watcher tells its state at times only: for so long zone and source may still differ."""
_KILLS = ("kill worker", "kill consumer", "kill main")


class Stuck(Exception):  # noqa: N818 - a verdict, not a fault of ours
    """The program does not come to rest; the message says what it was waited for."""


@dataclass
class Result:
    """How the run of a seed has ended."""

    scenario: Scenario
    folder: Path
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    """The faults that found something to act on."""

    @property
    def verdict(self) -> str:
        """The gravest kind of the findings."""
        return verdict.verdict(self.findings)

    def line(self) -> str:
        """Describe it in one line."""
        scenario = self.scenario
        job = f"{scenario.deployment} {scenario.driver} {scenario.operation} {scenario.delete_mode}"
        faults = ", ".join(f"{kind} {number}" for kind, number in sorted(self.faults.items()))
        return f"{scenario.seed:4d}  {self.verdict:9s}  {self.seconds:5.1f} s  {job}  [{faults}]"


def run(scenario: Scenario, folder: Path) -> Result:
    """Run a seed. The evidence is in `folder`, which is removed if the verdict is OK."""
    folder.mkdir(parents=True)
    (folder / "plan").write_text("\n".join(scenario.lines()) + "\n")
    result, begun = Result(scenario, folder), time.monotonic()
    with deployed(scenario, folder) as deployment:
        _Run(scenario, deployment, result).go()
    result.seconds = time.monotonic() - begun
    (folder / "findings").write_text("".join(f"{kind}: {text}\n" for kind, text in result.findings))
    if result.verdict == verdict.OK:
        shutil.rmtree(folder)
    return result


class _Run:
    """The steps of a seed, and what follows them."""

    def __init__(self, scenario: Scenario, deployment: Deployment, result: Result) -> None:
        self._scenario = scenario
        self._deployment = deployment
        self._result = result
        self._source = Source(deployment.source, deployment.folder / "aside")
        self._faults = Faults(deployment)
        self._rest_seconds = _REST_SECONDS[scenario.deployment]
        result.faults = self._faults.had

    def go(self) -> None:
        """Begin, make the steps, come to rest, judge, end."""
        found = self._result.findings
        try:
            self._begin()
            for number, step in enumerate(self._scenario.steps):
                self._make(number, step)
            self._faults.end_all()
            self._deployment.revive()
            self._judge(self._rest())
        except Stuck as stuck:
            found.append(Finding("stuck", f"{stuck}: {self._deployment.status()}"))
        except subprocess.TimeoutExpired:
            found.append(Finding("stuck", f"a process does not end: {traceback.format_exc(limit=-3)}"))
        finally:
            self._faults.end_all()
        self._end()

    def _begin(self) -> None:
        (self._deployment.source / KEPT).write_text(KEPT)
        for change in self._scenario.first:
            self._source.make(change)
        self._deployment.begin()
        self._wait_for(self._deployment.hooks.exists, "the first hook", _BEGIN_SECONDS)

    def _make(self, number: int, step: Step) -> None:
        self._faults.pass_on(number)
        self._keep_busy()
        if isinstance(step.what, Change):
            self._source.make(step.what)
        elif isinstance(step.what, Fault):
            self._faults.begin(step.what, number)
        time.sleep(step.pause)  # a part of the plan: the seed chooses how the program and the steps overlap

    def _keep_busy(self) -> None:
        """Start a job that has ended again, so that the next fault meets work."""
        deployment = self._deployment
        if self._scenario.driver != ONCE or self._faults.holding or deployment.main.look():
            return
        if not self._active():
            deployment.main.start()

    def _active(self) -> bool:
        """Whether tasks of the job may still run; a store that does not answer may have some."""
        status = self._deployment.status()
        return status is None or status["state"] in ("queued", "running", "waiting", "paused")

    def _rest(self) -> dict[str, Any]:
        """Wait for a pass over the whole source in which nothing goes wrong. Return the job as it is then."""
        return {ONCE: self._pass_again, PERIODIC: self._next_pass, WATCH: self._watch_again}[self._scenario.driver]()

    def _pass_again(self) -> dict[str, Any]:
        for what in ("the interrupted pass", "the last pass"):
            if self._deployment.in_foreground or not self._active():
                self._deployment.main.start()
            self._wait_for(self._has_ended, what)
        status = self._deployment.status()
        assert status is not None
        return status

    def _has_ended(self) -> bool:
        self._deployment.revive()
        return not self._deployment.main.look() and not self._active()

    def _next_pass(self) -> dict[str, Any]:
        return self._pass_after(dt.datetime.now(dt.timezone.utc))

    def _watch_again(self) -> dict[str, Any]:
        """Have the watcher scan: it does so when it starts."""
        main = self._deployment.main
        self._wait_for(self._is_ready, "the watcher")
        self._deployment.end_process(main)
        now = dt.datetime.now(dt.timezone.utc)
        main.start()
        return self._pass_after(now)

    def _is_ready(self) -> bool:
        self._deployment.revive()
        return self._deployment.main.look() and self._deployment.main.ready()

    def _pass_after(self, moment: dt.datetime) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def ended() -> bool:
            self._deployment.revive()
            status = self._deployment.status()
            if status is None or dt.datetime.fromisoformat(status["start_time"]) <= moment:
                return False
            watcher = status.get("watcher") or {"settling": 0, "spooled": 0}
            left = status.get("live", {"remaining": 0})["remaining"], watcher["settling"], watcher["spooled"]
            found.update(status)
            return bool(status["state"] == "waiting" and left == (0, 0, 0))

        self._wait_for(ended, "a pass after the last change")
        return found

    def _wait_for(self, condition: Any, what: str, seconds: float | None = None) -> None:
        if not reached(condition, seconds or self._rest_seconds):
            raise Stuck(f"it never came to {what}")

    def _judge(self, status: dict[str, Any]) -> None:
        problems = self._deployment.problems()
        differing = self._differences()
        files, _ = verdict.tree(self._deployment.source)
        found = self._result.findings
        found += verdict.on_zone(differing, problems)
        found += verdict.on_counts(status, len(files))
        killed = any(self._faults.had[kind] for kind in _KILLS)
        last = self._deployment.status() or status
        passes = None if killed or self._scenario.driver == ONCE else last["passes"] + 1
        found += verdict.on_hooks(self._deployment, self._scenario.names.came, passes, self._faults.had)
        found += verdict.on_log(self._deployment, self._scenario.names.touched, self._faults.had)

    def _differences(self) -> list[Difference]:
        found: list[Difference] = []

        def equal() -> bool:
            found[:] = verdict.differences(self._deployment, self._scenario)
            return not found

        reached(equal, _LOOK_SECONDS if self._scenario.driver == WATCH else 0.0)
        return found

    def _end(self) -> None:
        deployment, found = self._deployment, self._result.findings
        deployment.look()
        found += [Finding("stuck", f"{name} does not end after SIGTERM") for name in deployment.end()]
        endings = [each for process in deployment.managed() for each in process.endings]
        found += verdict.on_endings(endings, self._scenario.driver)
        if not reached(lambda: not deployment.left(), 15.0):
            found.append(Finding("orphan", f"processes are left: {deployment.left()}"))
