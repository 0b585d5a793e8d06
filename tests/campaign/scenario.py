"""What a seed chooses: a deployment, a job, a source, and the steps that happen to them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.campaign.changes import OWN, SAME, WRITTEN, Change, Names

DEPLOYMENTS = ("alone", "served", "periodic", "kafka")
"""A command that works in the foreground; one with ingest-consume beside it; a periodic job; Kafka and Redis."""
ONCE, PERIODIC, WATCH = "once", "periodic", "watch"
JOBS = (
    ("REGISTER_SYNC", "DO_NOT_DELETE"),
    ("REGISTER_SYNC", "UNREGISTER"),
    ("REGISTER_AS_REPLICA_SYNC", "UNREGISTER"),
    ("PUT_SYNC", "DO_NOT_DELETE"),
    ("PUT_SYNC", "TRASH"),
    ("PUT_SYNC", "NO_TRASH"),
    ("PUT_APPEND", "NO_TRASH"),
)
_EVERYWHERE = ("kill worker", "suspend worker", "kill zone", "cut network")
_IN_FOREGROUND = ("kill main", "suspend main")
_WITH_CONSUMERS = ("kill consumer", "suspend consumer", "join", "leave")
_STEPS = (14, 24)
_FAULT_SHARE = 0.35
_LONG_SHARE = 0.25
_LONG_SECONDS = 12.0
"""Longer than a consumer may be silent before others take over what it has."""


@dataclass(frozen=True)
class Fault:
    """A fault: its kind, the number that chooses among several processes, and how many steps it lasts."""

    kind: str
    number: int
    steps: int

    def __str__(self) -> str:
        return f"{self.kind.upper()} ({self.steps})"


@dataclass(frozen=True)
class Step:
    """A change or a fault, and the seconds until the next one."""

    what: Change | Fault
    pause: float


@dataclass(frozen=True)
class Scenario:
    """All that a seed chooses."""

    seed: int
    deployment: str
    driver: str
    """ONCE, PERIODIC or WATCH."""
    operation: str
    delete_mode: str
    hook_seconds: float
    """How long the hook of each object takes, so that faults meet work."""
    latency: str
    """`none`, or `real`: the zone takes as long for a call as a small real server."""
    consumers: int
    first: tuple[Change, ...]
    """What makes the first tree."""
    steps: tuple[Step, ...]
    names: Names

    @property
    def deletes(self) -> bool:
        """Whether what the source no longer has is deleted."""
        return self.delete_mode != "DO_NOT_DELETE"

    @property
    def puts(self) -> bool:
        """Whether the content is brought into the zone."""
        return self.operation.startswith("PUT")

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in their order."""
        return tuple(step.what for step in self.steps if isinstance(step.what, Fault))

    def lines(self) -> list[str]:
        """Describe it, a line for the job and one per step."""
        head = f"seed {self.seed}: {self.deployment}, {self.driver}, {self.operation}, {self.delete_mode}"
        work = f"{len(self.first)} paths, hooks of {self.hook_seconds} s, latency {self.latency}"
        return [
            f"{head}, {self.consumers} consumers, {work}",
            *(f"  {number:2d}  {step.what}  then {step.pause} s" for number, step in enumerate(self.steps)),
        ]


def scenario(seed: int, deployment: str | None = None, *, own_times: bool = False) -> Scenario:
    """Return what a seed chooses.

    Args:
        seed: The seed.
        deployment: One of DEPLOYMENTS, for which the rest is chosen.
        own_times: Give each content of a frame a modification time of its own, so that its size and time tell it.
    """
    rng = random.Random(f"{seed} {deployment or ''}")
    deployment = deployment or rng.choice(DEPLOYMENTS)
    driver = _driver(rng, deployment)
    operation, mode = rng.choice(JOBS)
    times = SAME if rng.random() < 0.3 else WRITTEN
    names = Names(rng, deletes=mode != "DO_NOT_DELETE", times=OWN if own_times else times)
    first = tuple(names.beginning(rng.randint(30, 90), rng.randint(3, 12)))
    kinds = _faults(deployment, driver)
    steps = tuple(_step(rng, names, kinds) for _ in range(rng.randint(*_STEPS)))
    return Scenario(
        seed=seed,
        deployment=deployment,
        driver=driver,
        operation=operation,
        delete_mode=mode,
        hook_seconds=rng.choice([0.01, 0.03, 0.1, 0.3]),
        latency=rng.choice(["none", "real"]),
        consumers={"served": 1, "kafka": rng.choice([2, 3])}.get(deployment, 0),
        first=first,
        steps=steps,
        names=names,
    )


def _driver(rng: random.Random, deployment: str) -> str:
    if deployment == "periodic":
        return PERIODIC
    return rng.choice((ONCE, WATCH) if deployment == "alone" else (ONCE, WATCH, PERIODIC))


def _faults(deployment: str, driver: str) -> tuple[str, ...]:
    """The kinds of faults that this deployment knows."""
    foreground = deployment in ("alone", "periodic") or driver == WATCH
    kinds = _EVERYWHERE + (_IN_FOREGROUND if foreground else ())
    if deployment in ("served", "kafka"):
        kinds += _WITH_CONSUMERS
    if deployment == "kafka":
        kinds += ("kill kafka", "kill redis")
    return kinds + (("disk full",) if deployment != "kafka" or driver == WATCH else ())


def _step(rng: random.Random, names: Names, kinds: tuple[str, ...]) -> Step:
    pause = rng.choice([0.02, 0.05, 0.2, 0.5, 0.8])
    if rng.random() < _FAULT_SHARE:
        fault = Fault(rng.choice(kinds), rng.randrange(100), rng.randint(1, 4))
        long = fault.kind.startswith("suspend") and rng.random() < _LONG_SHARE
        return Step(fault, _LONG_SECONDS if long else pause)
    return Step(names.draw(), pause)
