"""A source under the eyes of a live watcher, and what the catalog must be once both are quiet."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import time
from pathlib import Path
from typing import NamedTuple

from irods.column import Like
from irods.meta import iRODSMeta
from irods.models import Collection, DataObject
from irods.session import iRODSSession

from ingest.job import JobState, JobStatus
from ingest.paths import logical_path, physical_path
from ingest.store.embedded import EmbeddedStore
from tests.conftest import CommandLine
from tests.integration.watching.changing import Source, undisturbed
from tests.support.integration import avus, content, deleting, handler
from tests.support.watching import Watching

KEPT = b"kept"
"""A file to which nothing happens: of an empty source nothing is deleted."""
AVU = "number"
"""Each object and collection gets an AVU with its number in the catalog."""
PATIENCE_SECONDS = 120
LOOKS = 100
"""How often, at rest, the catalog may be wrong: whatever is still to come is asked for a moment later."""
"""For how long after it was made a watcher's report says that it is alive."""


class Thing(NamedTuple):
    """An object or collection as the catalog has it; size, time and physical path of objects only."""

    number: int
    size: int = -1
    mtime: int = 0
    path: str = ""


class Watched:
    """A source under the eyes of a watcher of its own, and the collection that follows it."""

    def __init__(self, irods: iRODSSession, directory: Path, environment: Path, how: tuple[str, str, str]) -> None:
        operation, mode, quiet = how
        place = directory / secrets.token_hex(4)
        for each in ("source", "aside"):
            (place / each).mkdir(parents=True)
        (place / "handler.py").write_text(
            "from ingest import Core, DeleteMode, Operation\n\nclass event_handler(Core):\n"
            + "".join(f"    {line}\n" for line in handler(operation, more=deleting(mode)).splitlines())
        )
        self._place = place
        self._irods = irods
        self.puts = operation.startswith("PUT")
        self.source = Source(place / "source", place / "aside")
        self.source.write(KEPT, b"kept", "wb")
        self.target = f"/{irods.zone}/home/{irods.username}/ingest-test-{secrets.token_hex(4)}"
        scan = CommandLine(place / "state.db", environment)
        options: list[str | Path] = ["--event_handler", place / "handler.py", "--workers", "2", "--quiet", quiet]
        self._watching = Watching(scan, place / "source", self.target, *options, log=place / "log")
        self._store = EmbeddedStore(scan.state)
        self._tagged: dict[bytes, int] = {}
        self._only_moved = False
        self._bytes: tuple[int, str | None] | None = None
        try:
            self.rest()
        except BaseException:
            self.close()
            raise

    def status(self) -> JobStatus:
        (status,) = self._store.jobs.all()
        return status

    def rest(self) -> None:
        """Wait until nothing is to be done any more, and look at what the catalog is then."""
        changed = time.time()
        looks = 0
        while not (at_rest := self._is_at_rest(changed)) or self._differences():
            looks += at_rest
            assert self._watching.alive(), self._watching.said()
            assert looks < LOOKS, self._story("it is at rest, and wrong")
            assert time.time() < changed + PATIENCE_SECONDS, self._story("it never came to rest")
            time.sleep(0.05)
        status = self.status()
        assert status.watching is not None
        failed = [(each.failed, each.tasks_failed) for each in (status.live, status.counts)]
        assert failed == [(0, 0)] * 2, self._story("something failed")
        assert status.watching.missed == 0, self._story("a scan took the place of events")
        self._compare_identities()
        if self.puts:
            self._compare_contents()
            self._count_bytes(status)
        self.source.settle()

    def _is_at_rest(self, since: float) -> bool:
        """Whether the watcher said so after that time, and has not asked for a scan in the half second since."""
        status = self.status()
        told = status.watching
        if told is None or status.state is not JobState.WAITING or status.live.remaining_tasks > 1:
            return False
        return since + 0.5 < told.at < time.time() - 0.5 and not told.settling and not told.spooled

    def _logical(self, path: bytes) -> str:
        directory = self.source.is_directory(path)
        return logical_path(self.source.root, self.target, path, directory=directory).removeprefix(f"{self.target}/")

    def _look(self) -> dict[str, Thing]:
        """Everything below the target, by its path relative to that."""
        found: dict[str, Thing] = {}
        columns = (Collection.name, DataObject.name, DataObject.id, DataObject.size, DataObject.modify_time)
        for condition in (Collection.name == self.target, Like(Collection.name, f"{self.target}/%")):
            for row in self._irods.query(*columns, DataObject.path).filter(condition):
                path = f"{row[Collection.name]}/{row[DataObject.name]}".removeprefix(f"{self.target}/")
                mtime = int(row[DataObject.modify_time].timestamp())
                assert path not in found, f"{path} has two replicas"
                found[path] = Thing(row[DataObject.id], row[DataObject.size], mtime, row[DataObject.path])
        for row in self._irods.query(Collection.name, Collection.id).filter(Like(Collection.name, f"{self.target}/%")):
            found[row[Collection.name].removeprefix(f"{self.target}/")] = Thing(row[Collection.id])
        return found

    def _differences(self) -> list[str]:
        """What the catalog has and ought not to have, or the other way round."""
        things = self._look()
        wanted = {self._logical(each): each for each in self.source.everything()}
        found = [f"{name} is missing" for name in wanted if name not in things]
        for name, thing in things.items():
            path = wanted.get(name)
            if path is None or self.source.is_directory(path) != (thing.size < 0):
                found.append(f"{name} is there as {thing}")
            elif thing.size >= 0:
                stat = os.stat(self.source.path(path))
                mtime = stat.st_mtime_ns // 10**9  # of what a link leads to
                expected = (stat.st_size, mtime, physical_path(self.source.root, path))
                if thing.size != expected[0] or not (self.puts or thing[1:] == expected):
                    found.append(f"{name} is {thing} and not {expected}")
        return found

    def _compare_identities(self) -> None:
        """What was but renamed is the same thing as before, with its AVUs."""
        things = self._look()
        now = {each: things[self._logical(each)].number for each in self.source.everything()}
        tagged = [*avus(self._irods, self.target), *avus(self._irods, self.target, of="collection")]
        tags = {path: int(tag) for path, name, tag, _ in tagged if name == AVU}
        same = undisturbed(self._tagged, self.source.changes)
        self._only_moved = len(same) == len(now) == len(self._tagged) and _decodable(b"".join(now))
        lost = [
            f"{new!r} was {old!r} {self._tagged[old]} and is {now[new]} with AVU {tags.get(self._logical(new))}"
            for new, old in same.items()
            if not now[new] == self._tagged[old] == tags.get(self._logical(new)) and _decodable(old + new)
        ]
        assert not lost, self._story("; ".join(lost))
        for each, number in now.items():
            if self._logical(each) not in tags:
                of = Collection if self.source.is_directory(each) else DataObject
                self._irods.metadata.add(of, f"{self.target}/{self._logical(each)}", iRODSMeta(AVU, str(number)))
        self._tagged = now

    def _count_bytes(self, status: JobStatus) -> None:
        """When nothing but undisturbed renames happened no content travels, by the live pass or the last scan."""
        before, self._bytes = self._bytes, (status.live.bytes, status.pass_id)
        if before and self._only_moved and not self.source.wrote:
            again = 0 if status.pass_id == before[1] else status.counts.bytes
            assert (status.live.bytes, again) == (before[0], 0), self._story("bytes were put")

    def _compare_contents(self) -> None:
        for each in self.source.files():
            with open(self.source.path(each), "rb") as file:
                stored = content(self._irods, f"{self.target}/{self._logical(each)}")
                assert stored == file.read(), self._story(f"{each!r} is {stored!r}")

    def _story(self, what: str) -> str:
        status = self.status()
        problems = [f"{each.path!r}: {each.reason}" for each in self._store.jobs.problems(status.job.name)]
        told = [*self.source.told, f"=> {what}", *self._differences(), *problems]
        return "\n".join([*told, str(status.watching), str(status.live), str(status.counts)])

    def close(self) -> None:
        """End the watcher and remove everything."""
        status, told = self._watching.end(signal.SIGTERM)
        self._store.close()
        trash = self.target.replace("/home/", "/trash/home/", 1)
        for path in (self.target, trash):
            if self._irods.collections.exists(path):
                self._irods.collections.remove(path, recurse=True, force=True)
        shutil.rmtree(self._place)
        assert status == 0, told


def _decodable(path: bytes) -> bool:
    """What is not is called after its whole path in the catalog, whose change is more than one rename."""
    return b"\xff" not in path
