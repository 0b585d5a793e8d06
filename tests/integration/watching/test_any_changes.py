"""Whatever happens in a watched source: once it is quiet the catalog is right, by the events alone.

INGEST_TEST_EXAMPLES=N runs N random histories of 50 steps per combination instead of a few fixed ones.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from irods.session import iRODSSession

from tests.integration.watching.changing import Change, undisturbed
from tests.integration.watching.watched import KEPT, Watched

COMBINATIONS = [("REGISTER_SYNC", "UNREGISTER", "0.2"), ("PUT_SYNC", "TRASH", "0.05")]
NAMES = (b"a", b"b", b"c", b"it's", "é".encode(), b"\xff")
FOLDERS = (b"D", b"E", b"F", "É".encode())
LARGE = int(os.environ.get("INGEST_TEST_EXAMPLES", "0"))
PROFILE = settings(
    max_examples=LARGE or 3,
    stateful_step_count=50 if LARGE else 25,
    derandomize=not LARGE,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
WRITING = ("create", "create", "rewrite", "append", "truncate", "save", "link", "symlink")
MOVING = ("to another name", "to another name", "on and on", "swap", "away", "out", "in")
numbers = st.integers(0, 20)
names = st.sampled_from(NAMES)
folders = st.sampled_from(FOLDERS)


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


def test_the_rule_names_what_must_be_the_same_after_a_burst() -> None:
    chain = [Change(b"a", b"s"), Change(b"s", b"t")]
    assert undisturbed([b"a", b"b"], chain) == {b"t": b"a", b"b": b"b"}
    assert undisturbed([b"a", b"b"], [Change(b"a", b"s"), Change(b"b", b"a"), Change(b"s", b"b")]) == {}, "a swap"
    assert undisturbed([b"D", b"D/f", b"E"], [Change(b"D", b"E")]) == {}, "the name was not free"
    nested = [Change(b"new"), Change(b"D", b"G"), Change(b"G/f", b"g")]
    assert undisturbed([b"D", b"D/f"], nested) == {b"G": b"D", b"g": b"D/f"}
    freed = [Change(b"D/x"), Change(b"D", b"E"), Change(b"f", b"E/x")]
    assert undisturbed([b"D", b"D/x", b"f"], freed) == {b"E": b"D"}, "the object of x may have its name still"
