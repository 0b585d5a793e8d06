"""Passes and tasks in Redis. A step is one script: `scripts/settle.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from typing_extensions import override

from ingest.broker import Outgoing
from ingest.store.redis import cache, deletion, moves
from ingest.store.redis.server import Server
from ingest.store.tasks import Child, Outstanding, Step, Tasks


class RedisTasks(Tasks):
    """Implements `ingest.store.tasks.Tasks`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def begin_pass(
        self,
        name: str,
        pass_id: str,
        opening: Child,
        *,
        next_in: float | None = None,
        following: Outgoing | None = None,
        keep_problems: bool = False,
    ) -> bool:
        planned = following is not None and next_in is not None
        return bool(
            self._server.run(
                "begin_pass",
                name=name,
                pass_id=pass_id,
                opening=_child(opening),
                next_in=next_in if planned else None,
                following=msgspec.msgpack.encode(following) if planned else None,
                keep_problems=keep_problems,
            )
        )

    @override
    def outstanding(self, pass_id: str, task: str, round_: int) -> bool:
        found, ended = self._server.commands(
            ("HGET", self._server.key("tasks", pass_id), task),
            ("HEXISTS", self._server.key("pass", pass_id), "ended"),
        )
        return found is not None and int(found) == round_ and not ended

    @override
    def unsettled(self, pass_id: str, tasks: Sequence[str]) -> frozenset[str]:
        if not tasks:
            return frozenset()
        rounds, ended = self._server.commands(
            ("HMGET", self._server.key("tasks", pass_id), *tasks),
            ("HEXISTS", self._server.key("pass", pass_id), "ended"),
        )
        if ended:
            return frozenset()
        return frozenset(task for task, round_ in zip(tasks, rounds, strict=True) if round_ is not None)

    @override
    def messages(self, name: str, limit: int) -> list[Outstanding]:
        flat = iter(self._server.run("messages", name=name, limit=limit))
        return [
            Outstanding(pass_id.decode(), task.decode(), int(round_), msgspec.msgpack.decode(message, type=Outgoing))
            for pass_id, task, round_, message in zip(flat, flat, flat, flat, strict=True)
        ]

    @override
    def cursor(self, pass_id: str, task: str) -> bytes | None:
        cursor: bytes | None = self._server.command("HGET", self._server.key("cursors", pass_id), task)
        return cursor

    @override
    def settle(self, step: Step) -> bool:
        counts = msgspec.structs.asdict(step.counts)
        return bool(
            self._server.run(
                "settle",
                job=step.job,
                pass_id=step.pass_id,
                task=step.task,
                round=step.round,
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
                candidates=[deletion.packed(each) for each in step.candidates],
                judged=[deletion.packed(each) for each in step.judged],
                closing=None if step.closing is None else _child(step.closing),
                error=step.error,
            )
        )


def _child(child: Child) -> dict[str, Any]:
    task: dict[str, Any] = {"task": child.task, "message": msgspec.msgpack.encode(child.message)}
    if child.move is not None:
        task["move"] = moves.packed(child.move)
    if child.delay:
        task["delay"] = child.delay
    return task


def _again(step: Step) -> dict[str, Any]:
    again = step.again
    assert again is not None  # noqa: S101 - the caller has checked
    return {"wait": again.wait, "round": again.round, "message": msgspec.msgpack.encode(again.message)}
