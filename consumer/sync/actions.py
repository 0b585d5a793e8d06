"""Carries out the decision for one file: the iRODS call, with the hooks of the handler around it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from types import MethodType
from typing import Any

from consumer.irods import avus, registration, requests, transfer
from consumer.irods.errors import NO_COLLECTION, code_of
from consumer.irods.sessions import Session
from consumer.sync import collections
from consumer.sync.context import Context
from consumer.sync.decide import Action, Decision, Impossible, Situation
from consumer.sync.meta import Meta, seconds
from consumer.sync.place import Place
from ingest.handlers.character_map import AVU as CHARACTER_MAP_AVU
from ingest.handlers.core import Operation
from ingest.paths import UNDECODABLE_UNITS, is_below, shown, split
from scanner.entries import Entry

UNITS = "automated_ingest"
"""Units of the AVUs that say what a special file was, as automated-ingest writes them."""


class ActionRun:
    """One decision being carried out. `bytes` is what went into the zone."""

    def __init__(self, ctx: Context, place: Place, entry: Entry, seen: Situation, decision: Decision) -> None:
        self._ctx = ctx
        self._place = place
        self._entry = entry
        self._seen = seen
        self._replica = decision.replica
        self._do = decision.do
        self.bytes = 0
        self.creates = decision.do in _CREATES or seen.unfinished
        """Whether the event is a creation: also the rest of one that was not complete."""

    def run(self, session: Session, meta: Meta) -> None:
        """Run the action. Raises the exceptions of hooks and of iRODS, and OSError for the file."""
        event, action, takes_operation = _COURSES[self._do]
        event = "data_obj_create" if self.creates else event
        extra = (self._seen.operation,) if takes_operation else ()
        options: dict[str, Any] = {} if self._seen.operation is Operation.NO_OP else {"allow_redirect": False}
        if self._do is Action.REGISTER_REPLICA:
            options["regRepl"] = ""
        self._ctx.handler.event(event, MethodType(action, self), self._ctx.log, session, meta, *extra, **options)

    def _register(self, _module: Any, _logger: Any, session: Any, meta: Meta, *_: Any, **options: Any) -> None:
        def call() -> None:
            registration.register(
                session,
                meta["target"],
                self._physical(session, meta, options),
                int(meta["size"]),
                self._mtime(meta),
                resource=self._seen.resource,
                checksum=self._ctx.job.checksum,
            )

        self._in_collection(call)
        self._annotate(session, meta)

    def _register_replica(self, _module: Any, _logger: Any, session: Any, meta: Meta, *_: Any, **options: Any) -> None:
        known = self._seen.catalog
        registration.register_replica(
            session,
            meta["target"],
            self._physical(session, meta, options),
            int(meta["size"]),
            self._mtime(meta),
            resource=self._seen.resource or "",
            known=known if isinstance(known, list) else [],
        )
        self._annotate(session, meta)

    def _update(self, _module: Any, _logger: Any, session: Any, meta: Meta, *_: Any, **__: Any) -> None:
        assert self._replica is not None  # noqa: S101 - an update is of a replica
        size, mtime = int(meta["size"]), self._mtime(meta)
        changed = self._seen.data_changed or (size, mtime) != (self._replica.size, self._replica.mtime)
        if self._replica.path != self._seen.physical:
            registration.change_path(session, meta["target"], self._replica, self._seen.physical)
        several = isinstance(self._seen.catalog, list) and len(self._seen.catalog) > 1
        registration.update(
            session,
            meta["target"],
            self._replica,
            size,
            mtime,
            data_changed=changed,
            others=several,
            checksum=self._ctx.job.checksum,
        )
        if self.creates:
            self._annotate(session, meta)

    def _put(self, _module: Any, _logger: Any, session: Any, meta: Meta, *_: Any, **options: Any) -> None:
        if self._replica is not None:
            self._refuse_registered()

        def call() -> None:
            with closing(self._ctx.source.open(self._entry)) as content:
                self.bytes = transfer.put(
                    session,
                    meta["target"],
                    content,
                    resource=self._seen.resource,
                    over=self._replica,
                    checksum=self._ctx.job.checksum,
                    allow_redirect=bool(options.get("allow_redirect")),
                )

        self._in_collection(call)
        self._keep_mtime(session, meta)
        if self.creates:
            self._annotate(session, meta)

    def _append(self, module: Any, logger: Any, session: Any, meta: Meta, *args: Any, **options: Any) -> None:
        assert self._replica is not None  # noqa: S101 - an append is to a replica
        self._refuse_registered()
        with closing(self._ctx.source.open(self._entry)) as content:
            target = meta["target"]
            if self._ctx.job.checksum and not transfer.same_head(session, target, content, self._replica):
                self._ctx.log.warning(
                    "the file does not begin with what was put before: overwritten", path=meta["path"]
                )
                self._put(module, logger, session, meta, *args, **options)
                return
            self.bytes = transfer.append(session, target, content, self._replica, checksum=self._ctx.job.checksum)
        self._keep_mtime(session, meta)

    def _in_collection(self, call: Callable[[], None]) -> None:
        """Make the call; when the server has no such collection, create it first and make the call once more."""
        try:
            call()
        except Exception as error:
            if code_of(error) != NO_COLLECTION:
                raise
            collections.create(self._ctx, split(self._place.path)[0], None, allow_redirect=False)
            call()

    def _refuse_registered(self) -> None:
        """Writing to a registered replica would write into the registered file: perhaps the source itself."""
        assert self._replica is not None  # noqa: S101 - the callers have one
        vault = self._ctx.vault_of(self._replica.hierarchy)
        if not is_below(self._replica.path, vault):
            raise Impossible(
                f"replica {self._replica.number} is the registered file {self._replica.path}, outside the vault {vault}"
                ": a put would overwrite that file"
            )

    def _physical(self, session: Any, meta: Meta, options: dict[str, Any]) -> str:
        """The physical path to register: the handler's, or what a hook made of `path`, or the source's."""
        answer = self._ctx.handler.target_path(session, meta, **options)
        if answer is not None:
            return answer
        source = os.fsdecode(self._place.source)
        return self._seen.physical if meta["path"] == source else str(meta["path"])

    def _mtime(self, meta: Meta) -> int:
        """Whole seconds: exact ones from the stat, unless a hook has set another time."""
        exact = self._entry.stat.mtime_ns
        return exact // 1_000_000_000 if meta["mtime"] == seconds(exact) else int(meta["mtime"])

    def _keep_mtime(self, session: Any, meta: Meta) -> None:
        if self._ctx.job.preserve_mtime:
            requests.touch(session, meta["target"], self._mtime(meta))

    def _annotate(self, session: Any, meta: Meta) -> None:
        """Add AVUs for a special file and for a name that is not UTF-8; only for a new data object."""
        target = meta["target"]
        if self._entry.link_target is not None:
            avus.add_to_object(session, target, "link_target", shown(self._entry.link_target), UNITS)
        if self._entry.kind == "socket":
            avus.add_to_object(session, target, "socket_target", "socket", UNITS)
        if "b64_path_str_charmap" in meta:
            value = meta["b64_path_str_charmap"].decode()
            avus.add_to_object(session, target, CHARACTER_MAP_AVU, value, UNDECODABLE_UNITS)
        try:
            self._place.source.decode()
        except UnicodeDecodeError:
            avus.name_object(session, target, self._place.source)

    def _rest(self, _module: Any, _logger: Any, session: Any, meta: Meta, *_: Any, **__: Any) -> None:
        """What is left of a creation whose object has its content; of other events nothing."""
        if self._seen.unfinished and self._seen.operation is not Operation.NO_OP:
            self._keep_mtime(session, meta)
            self._annotate(session, meta)


_COURSES: dict[Action, tuple[str, Callable[..., None], bool]] = {
    Action.REGISTER: ("data_obj_create", ActionRun._register, False),
    Action.REGISTER_REPLICA: ("data_obj_create", ActionRun._register_replica, False),
    Action.PUT: ("data_obj_create", ActionRun._put, True),
    Action.OVERWRITE: ("data_obj_modify", ActionRun._put, True),
    Action.APPEND: ("data_obj_modify", ActionRun._append, True),
    Action.UPDATE: ("data_obj_modify", ActionRun._update, False),
    Action.HOOKS_CREATE: ("data_obj_create", ActionRun._rest, False),
    Action.HOOKS_MODIFY: ("data_obj_modify", ActionRun._rest, False),
}
"""The event of each course, its action, and whether its hooks get the operation, as automated-ingest's do."""
_CREATES = frozenset(action for action, (event, *_) in _COURSES.items() if event == "data_obj_create")
