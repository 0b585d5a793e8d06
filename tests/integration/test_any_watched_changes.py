"""Whatever happens in a watched source: once it is quiet the catalog is right, by the events alone.

INGEST_TEST_EXAMPLES=N runs N random histories of 50 steps per combination instead of a few fixed ones.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from irods.column import Like
from irods.meta import iRODSMeta
from irods.models import Collection, DataObject
from irods.session import iRODSSession

from ingest.job import JobState, JobStatus
from ingest.paths import logical_path, physical_path
from ingest.store.embedded import EmbeddedStore
from tests.conftest import CommandLine
from tests.integration.changing import Source, undisturbed
from tests.integration.support import avus, content, deleting, handler
from tests.integration.test_watching import Watching

COMBINATIONS = [("REGISTER_SYNC", "UNREGISTER", "0.2"), ("PUT_SYNC", "TRASH", "0.05")]
NAMES = (b"a", b"b", b"c", b"it's", "é".encode(), b"\xff")
FOLDERS = (b"D", b"E", b"F", "É".encode())
KEPT = b"kept"
"""A file to which nothing happens: of an empty source nothing is deleted."""
AVU = "number"
"""Each object and collection gets an AVU with its number in the catalog."""
LARGE = int(os.environ.get("INGEST_TEST_EXAMPLES", "0"))
PROFILE = settings(
    max_examples=LARGE or 3,
    stateful_step_count=50 if LARGE else 30,
    derandomize=not LARGE,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
PATIENCE_SECONDS = 120
LOOKS = 100
"""How often, at rest, the catalog may be wrong: whatever is still to come is asked for a moment later."""
REPORT_SECONDS = 6.0
"""For how long after it was made a watcher's report says that it is alive."""
WRITING = ("create", "create", "rewrite", "append", "truncate", "save", "link", "symlink")
MOVING = ("to another name", "to another name", "on and on", "swap", "away", "out", "in")
numbers = st.integers(0, 20)
names = st.sampled_from(NAMES)
folders = st.sampled_from(FOLDERS)


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
        self._watching = Watching(scan, place / "source", self.target, place / "handler.py", "--quiet", quiet)
        self._store = EmbeddedStore(scan.state)
        self._tagged: dict[bytes, int] = {}
        self._bytes = 0
        self.rest()

    def status(self) -> JobStatus:
        (status,) = self._store.jobs()
        return status

    def rest(self) -> None:
        """Wait until nothing is to be done any more, and look at what the catalog is then."""
        changed = time.time()
        looks = 0
        while not (at_rest := self._is_at_rest(changed)) or self._differences():
            looks += at_rest
            assert self._watching.process.poll() is None, self._watching.process.communicate()
            assert looks < LOOKS, self._story("it is at rest, and wrong")
            assert time.time() < changed + PATIENCE_SECONDS, self._story("it never came to rest")
            time.sleep(0.05)
        status = self.status()
        assert status.watching is not None
        assert (status.watching.missed, status.live.failed, status.counts.failed) == (0, 0, 0), self._story("failed")
        self._compare_identities()
        if self.puts:
            self._compare_contents()
        self.source.settle()

    def _is_at_rest(self, since: float) -> bool:
        """Whether the watcher said so after that time, and has not asked for a scan in the half second since."""
        status = self.status()
        told = status.watching
        if told is None or status.state is not JobState.WAITING or status.live.remaining_tasks > 1:
            return False
        reported = told.until - REPORT_SECONDS
        return since + 0.5 < reported < time.time() - 0.5 and not told.settling and not told.spooled

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
                mtime = os.lstat(self.source.path(path)).st_mtime_ns // 10**9  # of a link itself
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
        lost = [
            f"{new!r} was {old!r} {self._tagged[old]} and is {now[new]} with AVU {tags.get(self._logical(new))}"
            for new, old in undisturbed(self._tagged, self.source.changes).items()
            if not now[new] == self._tagged[old] == tags.get(self._logical(new)) and _decodable(old + new)
        ]
        assert not lost, self._story("; ".join(lost))
        for each, number in now.items():
            if self._logical(each) not in tags:
                of = Collection if self.source.is_directory(each) else DataObject
                self._irods.metadata.add(of, f"{self.target}/{self._logical(each)}", iRODSMeta(AVU, str(number)))
        self._tagged = now

    def _compare_contents(self) -> None:
        for each in self.source.files():
            with open(self.source.path(each), "rb") as file:
                stored = content(self._irods, f"{self.target}/{self._logical(each)}")
                assert stored == file.read(), self._story(f"{each!r} is {stored!r}")

    def _story(self, what: str) -> str:
        status = self.status()
        problems = [f"{each.path!r}: {each.reason}" for each in self._store.problems(status.job.name)]
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


class Changes(RuleBasedStateMachine):
    """Random changes; what a rule cannot do at the moment it leaves."""

    def __init__(self, watched: Watched) -> None:
        super().__init__()
        self.watched = watched
        self.source = watched.source
        for directory in (b"D", b"D/E", b"F"):
            self.source.make(directory)
            for name in NAMES[:3]:
                self.source.write(os.path.join(directory, name), name, "wb")

    def _any(self, number: int) -> bytes:
        """Of everything that is there; b"" when nothing is."""
        return self._one_of(self.source.everything(), number)

    def _file(self, number: int) -> bytes:
        return self._one_of(self.source.files(), number)

    def _one_of(self, found: list[bytes], number: int) -> bytes:
        found = [each for each in found if each != KEPT]
        return found[number % len(found)] if found else b""

    def _new(self, number: int, name: bytes) -> bytes:
        found = self.source.directories()
        return os.path.join(found[number % len(found)], name)

    def _name(self, where: int, name: bytes, folder: bytes, *, directory: bool) -> bytes:
        """A folder in the vault stays, so that a file that is put cannot have its name later."""
        return self._new(where, folder if directory and (self.watched.puts or where % 2) else name)

    @rule(what=numbers, where=numbers, name=names, data=st.binary(max_size=4), how=st.sampled_from(WRITING))
    def write(self, what: int, where: int, name: bytes, data: bytes, how: str) -> None:
        path = self._new(where, name) if how == "create" else self._file(what)
        if not path:
            return
        if how in ("create", "rewrite"):
            self.source.write(path, data, "wb")
        elif how == "append":
            self.source.write(path, data + b"+", "ab")
        elif how == "truncate":
            self.source.truncate(path)
        elif how == "save":
            self.source.save(path, data)
        else:
            self.source.link(KEPT if how == "symlink" else path, self._new(where, name), symbolic=how == "symlink")

    @rule(where=numbers, folder=folders, files=st.lists(names, max_size=2))
    def make(self, where: int, folder: bytes, files: list[bytes]) -> None:
        path = self._new(where, folder)
        self.source.make(path)
        for name in files:
            self.source.write(os.path.join(path, name), b"new", "wb")

    @rule(what=numbers, where=numbers, name=names, folder=folders, how=st.sampled_from(MOVING))
    def move(self, what: int, where: int, name: bytes, folder: bytes, how: str) -> None:
        path, other = self._any(what), self._any(where)
        if how == "in":
            self.source.move_in(lambda directory: self._name(where, name, folder, directory=directory))
        elif not path:
            return
        elif how == "away":
            self.source.remove(path)
        elif how == "out":
            self.source.move_out(path)
        elif how == "swap":
            directory = self.source.is_directory(path)
            if not self.watched.puts or directory == self.source.is_directory(other):
                self.source.swap(path, other, b"S" if directory else b"s")
        else:
            new = self._name(where, name, folder, directory=self.source.is_directory(path))
            self.source.rename(path, new)
            if how == "on and on" and os.path.lexists(self.source.path(new)):
                self.source.rename(new, self._name(what, b"x", b"X", directory=self.source.is_directory(new)))

    @rule(what=numbers, where=numbers, name=names, folder=folders)
    def move_only(self, what: int, where: int, name: bytes, folder: bytes) -> None:
        self.watched.rest()
        self.move(what, where, name, folder, "on and on" if where % 2 else "to another name")
        self.watched.rest()

    @rule(seconds=st.sampled_from([0.02, 0.1, 0.3, 0.8]))
    def let_some_be_done(self, seconds: float) -> None:
        time.sleep(seconds)

    def teardown(self) -> None:
        try:
            self.watched.rest()
        finally:
            self.watched.close()


@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("how", COMBINATIONS, ids=[each[0] for each in COMBINATIONS])
def test_once_a_watched_source_is_quiet_the_catalog_is_what_it_is(
    irods: iRODSSession, zone_environment: Path, tmp_path: Path, how: tuple[str, str, str]
) -> None:
    def machine() -> Changes:
        return Changes(Watched(irods, tmp_path, zone_environment, how))

    run_state_machine_as_test(machine, settings=PROFILE)  # type: ignore[arg-type] # a factory is what it asks for
