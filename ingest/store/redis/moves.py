"""Moves and tasks in work in Redis."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from typing_extensions import override

from ingest.paths import ancestors
from ingest.store.moves import Moves, Names, Subject
from ingest.store.redis.server import Server


class RedisMoves(Moves):
    """Implements `ingest.store.moves.Moves`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def begin(
        self,
        job: str,
        pass_id: str,
        task: str,
        round_: int,
        subjects: Sequence[Subject],
        owner: str,
        alive: Collection[str],
    ) -> bool:
        return bool(
            self._server.run(
                "begin_task",
                job=job,
                pass_id=pass_id,
                task=task,
                round=round_,
                subjects=[(each.path, int(each.deep)) for each in subjects],
                above=sorted({above for each in subjects for above in ancestors(each.path)}),
                owner=owner,
                alive=[owner, *alive],
            )
        )

    @override
    def later(self, job: str, task: str) -> list[Names]:
        moves = self._server.run("later_moves", job=job, task=task)
        return [Names(old, new, directory == b"1") for old, new, directory in moves]

    @override
    def pending(self, job: str) -> bool:
        return bool(self._server.command("EXISTS", self._server.key("moves", job)))


def packed(names: Names) -> dict[str, object]:
    """Return the names of a move as the scripts take them."""
    return {"old": names.old, "new": names.new, "directory": int(names.directory)}
