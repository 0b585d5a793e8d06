"""The verdict on a run: the zone is compared with the source, and what the program tells with what has happened."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from irods.exception import iRODSException
from irods.session import iRODSSession

from tests.campaign.deployments import Deployment, Ending
from tests.campaign.scenario import ONCE, Scenario
from tests.support.integration import GOOD, collections, content, rows

OK = "OK"
KINDS = ("crash", "stuck", "silent", "permanent", "orphan", "doubled", "counts", "spurious")
"""The verdicts other than OK, the gravest first."""
_FAILED_WORK = 255
_LOCKED = ("LOCKED", "INTERMEDIATE_REPLICA")


class Finding(NamedTuple):
    """Something that is wrong: its kind, and a sentence."""

    kind: str
    text: str


def verdict(findings: list[Finding]) -> str:
    """Return the gravest kind of the findings; OK if there are none."""
    return min((each.kind for each in findings), key=KINDS.index, default=OK)


class Difference(NamedTuple):
    """A path at which zone and source differ."""

    path: str
    what: str
    extra: bool = False
    """The zone has something, and the source has not."""


def differences(deployment: Deployment, scenario: Scenario) -> list[Difference]:
    """Compare the zone with the source."""
    assert deployment.zone is not None
    with deployment.zone.session() as irods:
        if not irods.collections.exists(deployment.target):
            return [Difference("", "the target collection is missing")]
        return list(_compare(irods, deployment, scenario))


def _compare(irods: iRODSSession, deployment: Deployment, scenario: Scenario) -> Iterator[Difference]:
    stored, folders = rows(irods, deployment.target), collections(irods, deployment.target)
    files, directories = tree(deployment.source)
    for path in sorted(files):
        if path not in stored:
            yield Difference(path, "the object is missing")
        elif wrong := _wrong(irods, deployment, scenario, path, stored[path]):
            yield Difference(path, wrong)
    for path in sorted(directories - folders):
        yield Difference(path, "the collection is missing")
    if scenario.deletes:
        for path in sorted(set(stored) - files):
            yield Difference(path, "the object has no source", extra=True)
        for path in sorted(folders - directories):
            yield Difference(path, "the collection has no source", extra=True)


def _wrong(irods: iRODSSession, deployment: Deployment, scenario: Scenario, path: str, replicas: list[Any]) -> str:
    """Return what is wrong with an object; nothing if it is right."""
    file = deployment.source / path
    if len(replicas) > 1:
        return f"the object has {len(replicas)} replicas"
    (replica,), stat = replicas, file.stat()
    if replica.status != GOOD:
        return f"the replica has status {replica.status}"
    if replica.size != stat.st_size:
        return f"the object has {replica.size} bytes, the file {stat.st_size}"
    if not scenario.puts:
        found, wanted = (replica.path, replica.mtime), (str(file), stat.st_mtime_ns // 10**9)
        return "" if found == wanted else f"the replica is {found}, the file is {wanted}"
    try:
        same = content(irods, f"{deployment.target}/{path}") == file.read_bytes()
    except iRODSException as error:
        return f"the object cannot be read: {type(error).__name__}"
    return "" if same else "the object has other content than the file"


def tree(root: Path) -> tuple[set[str], set[str]]:
    """Return the relative paths of all files, and those of all directories."""
    files, directories = set(), set()
    for above, below, names in os.walk(root):
        files |= {os.path.relpath(os.path.join(above, name), root) for name in names}
        directories |= {os.path.relpath(os.path.join(above, name), root) for name in below}
    return files, directories


def on_zone(found: list[Difference], problems: list[dict[str, Any]]) -> Iterator[Finding]:
    """Judge the differences, and the failures of the last pass, in which nothing was wrong."""
    failed = {each["path"]: each["reason"] for each in problems if not each["skipped"]}
    differing = set()
    for path, what, extra in found:
        differing.add(path)
        above = [each for each in failed if each in ("", path) or path.startswith(f"{each}/")]
        kind = "permanent" if above else "orphan" if extra else "silent"
        told = f" ({failed[above[0]]})" if above else ""
        yield Finding(kind, f"{path}: {what}{told}")
    for path in sorted(set(failed) - differing):
        yield Finding("spurious", f"{path}: failed in the last pass although it is right ({failed[path]})")


def on_counts(status: dict[str, Any], files: int) -> Iterator[Finding]:
    """Judge the counts of the last pass, which has seen so many files."""
    counts = status["files"]
    parts = sum(counts[each] for each in ("done", "unchanged", "skipped", "failed"))
    if counts["total"] != parts or status["remaining_tasks"]:
        yield Finding("counts", f"the last pass has {counts}, {status['remaining_tasks']} tasks remain")
    elif counts["total"] != files:
        kind = "doubled" if counts["total"] > files else "counts"
        yield Finding(kind, f"the last pass has counted {counts['total']} files, the source has {files}")
    live = status.get("live")
    if live and live["remaining"]:
        yield Finding("counts", f"the live pass has {live}")
    if status["error"]:
        yield Finding("spurious", f"the last pass has ended with: {status['error']}")


def on_hooks(deployment: Deployment, came: Counter[str], passes: int | None, had: Counter[str]) -> Iterator[Finding]:
    """Judge how often hooks ran: the create hook of a path at most as often as something came to be there.

    Each fault but a consumer that joins or leaves may stop an event, which is completed later: once more.

    Args:
        deployment: The deployment.
        came: How often something came to be at each path.
        passes: How many passes there were; None if a process that was killed may have repeated `pre_job`.
        had: How many faults of each kind there were.
    """
    stopped = sum(number for kind, number in had.items() if kind not in ("join", "leave"))
    ran: Counter[tuple[str, str]] = Counter()
    for line in deployment.hooks.read_text(errors="replace").splitlines() if deployment.hooks.exists() else ():
        event, target, _ = line.split("\t")
        ran[event, target.removeprefix(deployment.target).lstrip("/")] += 1
    for (event, path), times in sorted(ran.items()):
        if event == "pre_job":
            if passes is not None and times > passes:
                yield Finding("doubled", f"pre_job ran {times} times in {passes} passes")
        elif times > max(came[path], 1) + stopped:
            yield Finding("doubled", f"{path}: post_{event} ran {times} times")


def on_endings(endings: list[Ending], driver: str) -> Iterator[Finding]:
    """Judge how the processes have ended."""
    for each in endings:
        if each.status == -signal.SIGKILL and each.by_us:
            continue
        if each.status == 1 and each.troubled and ("disk is full" in each.said or "does not answer" in each.said):
            continue  # a command that cannot begin says so, and whoever keeps it running starts it again
        if "Traceback (most recent call last)" in each.said or ": unexpected " in each.said:
            yield Finding("crash", f"{each.process} ended with status {each.status}: {each.said.strip()[-600:]}")
        elif each.by_us:
            if each.status not in (0, -signal.SIGTERM):  # SIGTERM may come before it is handled
                yield Finding("crash", f"{each.process} ended with status {each.status} after SIGTERM")
        elif not _documented(each, driver):
            last = each.said.strip().splitlines()[-1:] or [""]
            yield Finding("crash", f"{each.process} ended by itself with status {each.status}: {last[0]}")


def _documented(ending: Ending, driver: str) -> bool:
    if ending.process == "main" and (driver == ONCE or not ending.was_ready) and ending.status in (0, _FAILED_WORK):
        return True
    return ending.status == 1 and ending.troubled and not ending.was_ready


def on_log(deployment: Deployment, touched: set[str], had: Counter[str]) -> Iterator[Finding]:
    """Judge the failures of all passes, as the log has them.

    A worker that was killed fails the path in its hands. A path that changed, or is below one that changed, may have
    been impossible for a moment. Nothing else may fail, and that another process has an object open is no failure.
    """
    killed = sum(had[each] for each in ("kill worker", "kill consumer", "kill main"))
    deaths = 0
    for each in sorted(_failures(deployment), key=lambda line: str(line.get("@timestamp"))):
        text = f"{each['path']}: {each['reason']} {each.get('error') or ''}".strip()
        if any(word in text for word in _LOCKED):
            yield Finding("spurious", text)
        elif "worker" in each["reason"]:
            deaths += 1
        elif not any(f"{each['path']}/".startswith(f"{path}/") for path in touched):
            yield Finding("spurious", text)
    if deaths > killed:
        yield Finding("spurious", f"{deaths} paths failed with their workers, {killed} processes were killed")


def _failures(deployment: Deployment) -> Iterator[dict[str, Any]]:
    for file in deployment.logs.glob("*.jsonl*"):
        for line in file.read_text(errors="replace").splitlines():
            with suppress(json.JSONDecodeError):
                found = json.loads(line)
                if found.get("event") == "failed" and "reason" in found and "path" in found:
                    yield found
