"""Passes and tasks of the Redis store, the outbox and the schedule. A step is one script: `scripts/settle.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ingest.broker import Outgoing
from ingest.store import Child, Step
from ingest.store.redis import cache, candidates
from ingest.store.redis.server import Server


class Tasks:
    """The part of the store that accounts for every task of a pass."""

    _server: Server

    def begin_pass(
        self,
        name: str,
        pass_id: str,
        opening: Child,
        now: float,
        *,
        next_due: float | None = None,
        following: Outgoing | None = None,
        keep_problems: bool = False,
    ) -> bool:
        """See Store."""
        planned = following is not None and next_due is not None
        return bool(
            self._server.run(
                "begin_pass",
                name=name,
                pass_id=pass_id,
                opening=_child(opening),
                now=now,
                next_due=next_due if planned else None,
                following=msgspec.msgpack.encode(following) if planned else None,
                keep_problems=keep_problems,
            )
        )

    def outstanding(self, pass_id: str, task: str, round_: int) -> bool:
        """See Store."""
        found, ended = self._server.commands(
            ("HGET", self._server.key("tasks", pass_id), task),
            ("HEXISTS", self._server.key("pass", pass_id), "ended"),
        )
        return found is not None and int(found) == round_ and not ended

    def cursor(self, pass_id: str, task: str) -> bytes | None:
        """See Store."""
        cursor: bytes | None = self._server.command("HGET", self._server.key("cursors", pass_id), task)
        return cursor

    def settle(self, step: Step) -> bool:
        """See Store."""
        counts = msgspec.structs.asdict(step.counts)
        return bool(
            self._server.run(
                "settle",
                job=step.job,
                pass_id=step.pass_id,
                task=step.task,
                round=step.round,
                at=step.at,
                counts={name: count for name, count in counts.items() if count},
                children=[_child(each) for each in step.children],
                again=None if step.again is None else _again(step),
                part=step.after is not msgspec.UNSET,
                after=None if step.after is msgspec.UNSET else step.after,
                cursor=step.cursor,
                problems=[
                    {"path": each.path, "skipped": int(each.skipped), "problem": msgspec.msgpack.encode(each)}
                    for each in step.problems
                ],
                solved=list(step.solved),
                cached=[
                    (cache.path_hash(each.directory, each.name), cache.packed(each.fingerprint)) for each in step.cached
                ],
                uncached=[cache.path_hash(directory, name) for directory, name in step.uncached],
                candidates=[candidates.packed(each) for each in step.candidates],
                judged=[candidates.packed(each) for each in step.judged],
                closing=None if step.closing is None else _child(step.closing),
                error=step.error,
            )
        )

    def outbox(self, limit: int) -> list[tuple[int, Outgoing]]:
        """See Store."""
        numbers = self._server.command("ZRANGE", self._server.key("outbox"), 0, limit - 1)
        if not numbers:
            return []
        kept = self._server.command("HMGET", self._server.key("messages"), *numbers)
        return [
            (int(number), msgspec.msgpack.decode(each.partition(b"\0")[2], type=Outgoing))
            for number, each in zip(numbers, kept, strict=True)
            if each is not None  # another process has published it meanwhile
        ]

    def outbox_done(self, numbers: Sequence[int]) -> None:
        """See Store."""
        if numbers:
            self._server.run("outbox_done", numbers=list(numbers))

    def fire_due(self, now: float) -> float | None:
        """See Store."""
        due = self._server.run("fire_due", now=now)
        return None if due is None else float(due)


def _child(child: Child) -> dict[str, Any]:
    return {"task": child.task, "message": msgspec.msgpack.encode(child.message)}


def _again(step: Step) -> dict[str, Any]:
    again = step.again
    assert again is not None  # noqa: S101 - the caller has looked
    return {"due": again.due, "round": again.round, "message": msgspec.msgpack.encode(again.message)}
