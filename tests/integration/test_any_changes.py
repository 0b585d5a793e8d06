"""Whatever happens to a source between two passes: after the next one the catalog is right.

INGEST_TEST_EXAMPLES=N runs N random histories of 50 steps per combination instead of a few fixed ones.
"""

import os
import secrets
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from irods.session import iRODSSession

from ingest.paths import logical_path
from tests.support.integration import collections, content, deleting, handler, rows
from tests.support.passes import Passes

COMBINATIONS = [
    ("REGISTER_SYNC", "DO_NOT_DELETE"),
    ("REGISTER_SYNC", "UNREGISTER"),
    ("REGISTER_AS_REPLICA_SYNC", "UNREGISTER"),
    ("PUT", "DO_NOT_DELETE"),
    ("PUT_SYNC", "DO_NOT_DELETE"),
    ("PUT_SYNC", "TRASH"),
    ("PUT_APPEND", "NO_TRASH"),
]
NAMES = (b"a", b"b", b".a", b"it's %_\\", b"new\nline", "é".encode(), b"\xff", b"\xfb\xef\xbe\xfb\xef\xbe")
LARGE = int(os.environ.get("INGEST_TEST_EXAMPLES", "0"))
PROFILE = settings(
    max_examples=LARGE or 3,
    stateful_step_count=50 if LARGE else 30,
    derandomize=not LARGE,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink) if LARGE else (Phase.generate,),
)
numbers = st.integers(0, 20)
names = st.sampled_from(NAMES)


class Tree:
    """A directory to which things happen; the target of its passes, and what must be there after each."""

    def __init__(self, passes: Passes, irods: iRODSSession, directory: Path, operation: str, mode: str) -> None:
        self._passes = passes
        self._irods = irods
        self.root = os.fsencode(directory / secrets.token_hex(4))
        os.mkdir(self.root)
        self.target = f"/{irods.zone}/home/{irods.username}/ingest-test-{secrets.token_hex(4)}"
        resource = irods.default_resource if operation == "REGISTER_AS_REPLICA_SYNC" else None
        self._handler = handler(operation, resource=resource, more=deleting(mode))
        self._puts = operation.startswith("PUT")
        self._appends = operation == "PUT_APPEND"
        self._updates = operation != "PUT"
        self._deletes = mode != "DO_NOT_DELETE"
        self._folders: set[str] = set()

    def everything(self) -> list[bytes]:
        """The relative paths of all entries, sorted."""
        found = []
        for above, directories, files in os.walk(self.root):
            found += [os.path.relpath(os.path.join(above, name), self.root) for name in (*directories, *files)]
        return sorted(found)

    def path(self, relative: bytes) -> bytes:
        return os.path.join(self.root, relative) if relative else self.root

    def directories(self) -> list[bytes]:
        """The relative paths of all directories that are not too deep, the source first."""
        found = [each for each in self.everything() if os.path.isdir(self.path(each))]
        return [b"", *(each for each in found if each.count(b"/") < 3)]

    def remove(self, relative: bytes) -> None:
        """Whatever is there."""
        if os.path.isdir(self.path(relative)):
            shutil.rmtree(self.path(relative))
        elif os.path.lexists(self.path(relative)):
            os.unlink(self.path(relative))

    def ingest(self) -> None:
        """A pass, and a look at what it has made of the catalog."""
        before, known = rows(self._irods, self.target), collections(self._irods, self.target)
        entries = {each: self._logical(each) for each in self.everything()}
        hidden = self._hidden(entries, set(before), known)
        status, told = self._passes.run(self.root, self.target, self._handler, checksum=self._appends)
        after, there = rows(self._irods, self.target), collections(self._irods, self.target)
        files = {each: name for each, name in entries.items() if not os.path.isdir(self.path(each))}
        directories = {entries[each] for each in set(entries) - set(files)}
        doubtful = {entries[each] for each in hidden}
        wanted = set(files.values())
        if entries or not self._deletes:  # an empty source deletes nothing
            assert wanted - doubtful <= set(after), told
            assert directories - doubtful <= there, told
            if self._deletes:
                assert (set(after) - wanted, there - directories) == (set(), set()), told
            else:
                assert set(before) <= set(after), told
            assert status.error is None
        assert status.counts.failed <= len(hidden), told
        assert status.counts.remaining_files == 0, told
        for each in sorted(set(files) - set(hidden)):
            if self._updates or files[each] not in before:
                self._compare(each, files[each], after)
        self._folders |= {"/".join(name.split("/")[:depth]) for name in after for depth in range(1, name.count("/"))}

    def _logical(self, each: bytes) -> str:
        directory = os.path.isdir(self.path(each))
        return logical_path(self.root, self.target, each, directory=directory).removeprefix(f"{self.target}/")

    def _hidden(self, entries: dict[bytes, str], objects: set[str], known: set[str]) -> list[bytes]:
        """What perhaps cannot arrive: another kind has its name for good, or a folder in the vault its place."""
        found: list[bytes] = []
        for each, name in entries.items():  # what is above comes first
            file = not os.path.isdir(self.path(each))
            taken = not self._deletes and name in (known if file else objects)
            if os.path.dirname(each) in found or taken or (self._puts and file and name in self._folders):
                found.append(each)
        return found

    def _compare(self, each: bytes, name: str, after: dict[str, list]) -> None:  # type: ignore[type-arg]
        (row,) = after[name]
        stat = os.stat(self.path(each))
        assert (row.size, row.status) == (stat.st_size, "1"), name
        if self._puts:
            with open(self.path(each), "rb") as file:
                assert content(self._irods, f"{self.target}/{name}") == file.read(), name
        else:
            physical = logical_path(b"/", "", self.path(each)[1:])
            assert (row.mtime, row.path) == (int(stat.st_mtime_ns // 10**9), physical), name

    def close(self) -> None:
        trash = self.target.replace("/home/", "/trash/home/", 1)
        for path in (self.target, trash):
            if self._irods.collections.exists(path):
                self._irods.collections.remove(path, recurse=True, force=True)
        shutil.rmtree(self.root)


class Changes(RuleBasedStateMachine):
    """Random changes in bursts, with a pass after each."""

    def __init__(self, tree: Tree) -> None:
        super().__init__()
        self.tree = tree

    def _any(self, number: int) -> bytes | None:
        found = self.tree.everything()
        return found[number % len(found)] if found else None

    def _new(self, number: int, name: bytes) -> bytes:
        found = self.tree.directories()
        return os.path.join(found[number % len(found)], name)

    @rule(where=numbers, name=names, size=st.integers(0, 4), byte=st.sampled_from(b"xyz"))
    def write(self, where: int, name: bytes, size: int, byte: int) -> None:
        path = self._new(where, name)
        if os.path.isdir(self.tree.path(path)):
            self.tree.remove(path)
        with open(self.tree.path(path), "wb") as file:
            file.write(bytes([byte]) * size)

    @rule(where=numbers, more=st.binary(max_size=3))
    def append(self, where: int, more: bytes) -> None:
        path = self._any(where)
        if path is not None and os.path.isfile(self.tree.path(path)):
            with open(self.tree.path(path), "ab") as file:
                file.write(more)

    @rule(where=numbers, name=names)
    def mkdir(self, where: int, name: bytes) -> None:
        path = self._new(where, name)
        if not os.path.isdir(self.tree.path(path)):
            self.tree.remove(path)
            os.mkdir(self.tree.path(path))

    @rule(what=numbers, where=numbers, name=names)
    def rename(self, what: int, where: int, name: bytes) -> None:
        old, new = self._any(what), self._new(where, name)
        if old is None or (new + b"/").startswith(old + b"/") or (old + b"/").startswith(new + b"/"):
            return
        self.tree.remove(new)
        os.rename(self.tree.path(old), self.tree.path(new))

    @rule(one=numbers, other=numbers)
    def swap(self, one: int, other: int) -> None:
        first, second = self._any(one), self._any(other)
        if first is None or second is None or (first + b"/").startswith(second + b"/"):
            return
        if (second + b"/").startswith(first + b"/"):
            return
        aside = self.tree.root + b".aside"
        os.rename(self.tree.path(first), aside)
        os.rename(self.tree.path(second), self.tree.path(first))
        os.rename(aside, self.tree.path(second))

    @rule(what=numbers)
    def delete(self, what: int) -> None:
        path = self._any(what)
        if path is not None:
            self.tree.remove(path)

    @rule(what=numbers, mode=st.sampled_from([0, 0o600, 0o755]))
    def chmod(self, what: int, mode: int) -> None:
        path = self._any(what)
        if path is not None:
            os.chmod(self.tree.path(path), mode if os.path.isfile(self.tree.path(path)) or os.geteuid() == 0 else 0o755)

    @rule(what=numbers, ago=st.integers(-1000, 10**9))
    def age(self, what: int, ago: int) -> None:
        path = self._any(what)
        if path is not None:
            when = time.time_ns() - ago * 10**9
            os.utime(self.tree.path(path), ns=(when, when))

    @rule()
    def ingest(self) -> None:
        self.tree.ingest()

    @invariant()
    def nothing_left_aside(self) -> None:
        assert not os.path.lexists(self.tree.root + b".aside")

    def teardown(self) -> None:
        try:
            self.tree.ingest()
            self.tree.ingest()
        finally:
            self.tree.close()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("operation", "mode"), COMBINATIONS)
def test_after_each_pass_the_catalog_is_what_the_source_makes_it(
    passes: Passes, irods: iRODSSession, tmp_path: Path, operation: str, mode: str
) -> None:
    def machine() -> Changes:
        return Changes(Tree(passes, irods, tmp_path, operation, mode))

    run_state_machine_as_test(machine, settings=PROFILE)  # type: ignore[arg-type] # a factory is what it asks for


def test_directories_that_swap_their_names_swap_their_contents_however_old_they_are(
    passes: Passes, irods: iRODSSession, tmp_path: Path
) -> None:
    tree = Tree(passes, irods, tmp_path, "PUT_SYNC", "TRASH")
    one, other = (Path(os.fsdecode(tree.root)) / name for name in ("one", "other"))
    for directory in (one, other):
        directory.mkdir()
        (directory / "same size").write_text(f"{directory.name:9}")
    tree.ingest()
    for name in ("one", "other"):  # as if they had been put long after they were written
        irods.data_objects.touch(f"{tree.target}/{name}/same size", seconds_since_epoch=int(time.time()) + 1000)
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    tree.ingest()
    tree.close()
