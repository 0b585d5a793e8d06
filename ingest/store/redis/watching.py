"""Pausing and watching in the Redis store: parked messages, and the live pass of a job."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ingest.broker import Outgoing
from ingest.job import Watching
from ingest.store import WATCH
from ingest.store.redis.server import Server


class Watches:
    """The part of the store that holds jobs back and takes what watchers see."""

    _server: Server

    def pause_job(self, name: str) -> bool:
        """See Store."""
        return bool(self._server.run("pause_job", name=name))

    def resume_job(self, name: str) -> bool:
        """See Store."""
        return bool(self._server.run("resume_job", name=name))

    def paused_jobs(self) -> frozenset[str]:
        """See Store."""
        return frozenset(each.decode() for each in self._server.command("SMEMBERS", self._server.key("paused")))

    def park(self, name: str, message: Outgoing) -> bool:
        """See Store."""
        return bool(self._server.run("park", name=name, message=msgspec.msgpack.encode(message)))

    def watch_job(self, name: str, pass_id: str, now: float) -> str | None:
        """See Store."""
        live: bytes | None = self._server.run("watch_job", name=name, pass_id=pass_id, task=WATCH, now=now)
        return None if live is None else live.decode()

    def unsettled(self, pass_id: str, tasks: Sequence[str]) -> frozenset[str]:
        """See Store."""
        if not tasks:
            return frozenset()
        rounds, ended = self._server.commands(
            ("HMGET", self._server.key("tasks", pass_id), *tasks),
            ("HEXISTS", self._server.key("pass", pass_id), "ended"),
        )
        if ended:
            return frozenset()
        return frozenset(task for task, round_ in zip(tasks, rounds, strict=True) if round_ is not None)

    def send(self, name: str, message: Outgoing) -> bool:
        """See Store."""
        return bool(self._server.run("send", name=name, message=msgspec.msgpack.encode(message)))

    def note_watching(self, name: str, watching: Watching) -> None:
        """See Store."""
        self._server.run("note_watching", name=name, watching=msgspec.json.encode(watching))
