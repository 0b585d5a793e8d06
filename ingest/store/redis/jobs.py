"""Jobs in Redis."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from typing_extensions import override

from ingest.broker import Outgoing
from ingest.fingerprint import cache_space
from ingest.job import Counts, Job, JobState, JobStatus, Problem, Watching
from ingest.store.jobs import JobExists, Jobs
from ingest.store.redis.server import Server
from ingest.store.tasks import WATCH

COUNT_NAMES = tuple(field.name for field in msgspec.structs.fields(Counts))


class RedisJobs(Jobs):
    """Implements `ingest.store.jobs.Jobs`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def create(self, job: Job, first: Outgoing, *, allow_overlap: bool = False) -> None:
        other = b""
        while other is not None:
            other = self._server.run(
                "create_job",
                name=job.name,
                job=msgspec.json.encode(job),
                target=job.target,
                periodic=int(job.periodic),
                space=str(cache_space(job)),
                first=msgspec.msgpack.encode(first),
                allow_overlap=allow_overlap,
            )
            if other is not None:
                self._refuse(other.decode())

    @override
    def reopen(self, job: Job, first: Outgoing) -> bool:
        packed = msgspec.json.encode(job)
        while True:
            answer = self._server.run("reopen_job", name=job.name, job=packed, first=msgspec.msgpack.encode(first))
            if isinstance(answer, int):
                return bool(answer)
            self._refuse(answer.decode())

    @override
    def get(self, name: str) -> JobStatus | None:
        return next(iter(self._read(name)), None)

    @override
    def all(self) -> list[JobStatus]:
        return self._read(None)

    @override
    def stop(self, name: str) -> bool:
        return bool(self._server.run("stop_job", name=name))

    @override
    def forget(self, name: str) -> None:
        self._server.run("forget_job", name=name)

    @override
    def problems(self, name: str, limit: int | None = None) -> list[Problem]:
        last = -1 if limit is None else limit - 1
        paths = self._server.command("ZRANGE", self._server.key("problem-order", name), 0, last) if limit != 0 else []
        if not paths:
            return []
        found = self._server.command("HMGET", self._server.key("problems", name), *paths)
        return [msgspec.msgpack.decode(each, type=Problem) for each in found if each is not None]

    @override
    def pause(self, name: str) -> bool:
        return bool(self._server.run("pause_job", name=name))

    @override
    def resume(self, name: str) -> bool:
        return bool(self._server.run("resume_job", name=name))

    @override
    def paused(self) -> frozenset[str]:
        return frozenset(each.decode() for each in self._server.command("SMEMBERS", self._server.key("paused")))

    @override
    def watch(self, name: str, pass_id: str) -> str | None:
        live: bytes | None = self._server.run("watch_job", name=name, pass_id=pass_id, task=WATCH)
        return None if live is None else live.decode()

    @override
    def note_watching(self, name: str, watching: Watching, seconds: float) -> None:
        self._server.run("note_watching", name=name, watching=msgspec.json.encode(watching), seconds=seconds)

    def _refuse(self, other: str) -> None:
        """Raise JobExists for a conflicting job, if it is still active."""
        status = self.get(other)
        if status is not None and status.state.active:
            raise JobExists(status)

    def _read(self, name: str | None) -> list[JobStatus]:
        return [
            _status(*map(_fields, each), watched=bool(alive)) for *each, alive in self._server.run("jobs", name=name)
        ]


def _fields(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _status(job: dict[str, bytes], latest: dict[str, bytes], live: dict[str, bytes], *, watched: bool) -> JobStatus:
    pass_id, live_pass, error = job.get("pass_id"), job.get("live_pass"), latest.get("error")
    watching = job.get("watching")
    return JobStatus(
        job=msgspec.json.decode(job["job"], type=Job),
        state=JobState(job["state"].decode()),
        created=float(job["created"]),
        pass_id=None if pass_id is None else pass_id.decode(),
        started=_time(latest.get("started")),
        ended=_time(job.get("ended", latest.get("ended"))),
        next_pass=_time(job.get("next_pass")),
        counts=_counts(latest),
        passes=int(job.get("passes", 0)),
        passes_skipped=int(job.get("passes_skipped", 0)),
        error=None if error is None else error.decode(),
        paused="paused" in job,
        live_pass=None if live_pass is None else live_pass.decode(),
        live=_counts(live),
        watching=None if watching is None else _watching(watching, alive=watched),
    )


def _watching(report: bytes, *, alive: bool) -> Watching:
    return msgspec.structs.replace(msgspec.json.decode(report, type=Watching), alive=alive)


def _counts(fields: dict[str, bytes]) -> Counts:
    return Counts(*(int(fields.get(name, 0)) for name in COUNT_NAMES))


def _time(text: bytes | None) -> float | None:
    return None if text is None else float(text)
