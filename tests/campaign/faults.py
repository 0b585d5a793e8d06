"""The faults: how each one begins, and how it ends."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from tests.campaign.deployments import Deployment, Managed
from tests.campaign.scenario import Fault

_MOST_CONSUMERS = 5
_End = Callable[[], None]


def _nothing() -> None:
    """End a fault that is over at once, or that found nothing to act on."""


class Faults:
    """The faults of a run: those that hold, and how many of each kind there were."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._holding: list[tuple[int, _End]] = []
        self.had: Counter[str] = Counter()
        """How often each kind of fault found something to act on."""

    def begin(self, fault: Fault, step: int) -> None:
        """Begin a fault at a step; `pass_on` ends it."""
        end = self._begin(fault)
        if end is not None:
            self.had[fault.kind] += 1
            self._holding.append((step + fault.steps, end))

    def pass_on(self, step: int) -> None:
        """End the faults that are over at this step."""
        self._deployment.look()
        over = [end for until, end in self._holding if until <= step]
        self._holding = [(until, end) for until, end in self._holding if until > step]
        for end in over:
            end()

    @property
    def holding(self) -> bool:
        """Whether a fault holds."""
        return bool(self._holding)

    def end_all(self) -> None:
        """End all faults."""
        self._deployment.look()
        for _, end in self._holding:
            end()
        self._holding = []

    def _begin(self, fault: Fault) -> _End | None:
        """Begin a fault. Return what ends it; None if there is nothing to act on."""
        deployment, (what, whom) = self._deployment, fault.kind.split(" ", 1) if " " in fault.kind else (fault.kind, "")
        if whom == "worker":
            return _to_worker(what, [pid for each in deployment.managed() for pid in each.workers()], fault.number)
        if fault.kind in ("kill zone", "kill kafka", "kill redis", "cut network", "disk full"):
            return self._take_away(whom if what != "disk" else "disk")
        if what == "join":
            return _join(deployment)
        managed = [deployment.main] if whom == "main" else deployment.consumers
        running = [each for each in managed if each.look()]
        return _to_process(what, running[fault.number % len(running)]) if running else None

    def _take_away(self, what: str) -> _End | None:
        """Take away a server, the network or the disk, unless it is away already."""
        deployment = self._deployment
        if what in deployment.away or (what == "disk" and not deployment.disk.limited):
            return None
        deployment.away.add(what)
        if what in deployment.servers:
            deployment.servers[what].stop(signal.SIGKILL)
            back: _End = deployment.servers[what].start
        else:
            away, back = {
                "zone": (deployment.kill_zone, deployment.start_zone),
                "network": (deployment.proxy.cut, deployment.proxy.mend),
                "disk": (deployment.disk.fill, deployment.disk.free),
            }[what]
            away()

        def end() -> None:
            back()
            deployment.is_back(what)

        return end


def _join(deployment: Deployment) -> _End | None:
    if len(deployment.consumers) >= _MOST_CONSUMERS:
        return None
    deployment.join()
    return _nothing


def _to_worker(what: str, workers: list[int], number: int) -> _End | None:
    if not workers:
        return None
    pid = workers[number % len(workers)]
    try:
        os.kill(pid, signal.SIGKILL if what == "kill" else signal.SIGSTOP)
    except ProcessLookupError:
        return None
    return _nothing if what == "kill" else lambda: _continue(pid)


def _continue(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _to_process(what: str, process: Managed) -> _End:
    if what == "kill":
        process.kill()
        return process.start
    if what == "suspend":
        process.signal(signal.SIGSTOP)
        return lambda: process.signal(signal.SIGCONT)

    process.signal(signal.SIGTERM)

    def return_again() -> None:
        process.wait()
        process.start()

    return return_again
