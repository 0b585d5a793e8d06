"""What a worker measures when its consumer was started with `--profile`, and nothing of which exists otherwise.

Tasks are measured around the worker's reports, hooks by functions around the handler's, iRODS calls by
`consumer.irods.measured`. Events are collected per task and go to the parent, which alone writes the
file, before the task's last report. When a worker dies the parent tells of the task, and the rest is lost.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from consumer.irods.measured import measure_calls
from consumer.protocol import Finished, Profiled, Report, Unavailable
from ingest.handlers import hooks
from ingest.handlers.core import Core
from ingest.handlers.loader import Handler
from ingest.job import Job
from ingest.messages import Task
from ingest.service.profile import Event, Kind, path_text, task_path, wanted

_MEASURED = "_profiled"
_EVENTS = [name.removeprefix("on_") for name in dir(Core) if name.startswith("on_")]
_HOOKS = [f"{when}_{event}" for when in ("pre", "post") for event in (*_EVENTS, "job")]
_HOOKS += [f"on_{event}" for event in _EVENTS]


class Profiler:
    """The events of the task in a worker's hands."""

    def __init__(self, level: str | None) -> None:
        """`level` is `--profile_level`. Calls are measured from here on, in the whole process."""
        self._level = level
        self._task: Task | None = None
        self._job: Job | None = None
        self._epoch = 0.0
        self._events: list[Event] = []
        if wanted("call", level):
            measure_calls(self._call)

    def enter(self, job: Job, handler: Handler) -> None:
        """The task that has just been begun is of this job; measure the hooks of its handler."""
        self._job = job
        if handler.cls is not None and wanted("hook", self._level):
            self._measure_hooks(handler.cls)

    def watch(self, task: Task, reports: Iterator[Report]) -> Iterator[Report]:
        """The reports of a task, with its events before the last of them."""
        self._task, self._events = task, []
        self._epoch = time.time() - time.perf_counter()  # anew for each task: the clock may have been set
        start = time.perf_counter()
        for report in reports:
            if isinstance(report, (Finished, Unavailable)) and wanted("task", self._level):
                known = self._job is not None and self._job.name == task.job
                path = task_path(self._job, task) if self._job is not None and known else None
                self._add("task", type(task).__name__, start, path=path, error=_error(report))
                yield Profiled(sorted(self._events, key=lambda event: (event.start, -event.duration)))
            yield report

    def _add(self, kind: Kind, name: str, start: float, **more: str | None) -> None:
        """Note what began at `start`, by the performance counter, and ends now."""
        task = self._task
        if task is None:
            return
        # Whole microseconds, rounded down, so that what lies within something else still does.
        begin, end = (int((self._epoch + each) * 1e6) for each in (start, time.perf_counter()))
        self._events.append(
            Event(
                kind=kind,
                name=name,
                job=task.job,
                pass_id=task.pass_id,
                task=task.task,
                pid=os.getpid(),
                tid=threading.get_native_id(),
                start=begin / 1e6,
                duration=(end - begin) / 1e6,
                **more,
            )
        )

    def _call(self, name: str, start: float, message: Mapping[str, Any], error: str | None) -> None:
        self._add("call", name, start, target=path_text(message.get("objPath") or message.get("collName")), error=error)

    def _measure_hooks(self, cls: type) -> None:
        """Put measured ones in the place of a handler class's hooks, and of what it has instead of Core's events.

        In the class itself: a class method in a subclass would have other class attributes.
        """
        for name in _HOOKS:
            hook = getattr(cls, name, None)
            cores = getattr(getattr(Core, name, None), "__func__", None)
            own = cores is None or getattr(hook, "__func__", None) is not cores
            if (
                hook is not None and own and not hasattr(hook, _MEASURED)
            ):  # a class may come from a module that is loaded once
                setattr(cls, name, staticmethod(self._hook(name, hook)))

    def _hook(self, name: str, hook: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*args: Any, **options: Any) -> None:
            meta: dict[str, Any] = next((each for each in args if isinstance(each, dict)), {})
            about = {key: path_text(meta.get(key)) for key in ("path", "target")}
            start, error = time.perf_counter(), None
            try:
                hooks.call(hook, args, options)
            except BaseException as raised:
                error = type(raised).__name__
                raise
            finally:
                self._add("hook", name, start, **about, error=error)

        setattr(measured, _MEASURED, True)
        return measured


def _error(last: Finished | Unavailable) -> str | None:
    if isinstance(last, Unavailable):
        return "Unavailable"
    return None if last.failure is None else last.failure.error or "Refused"
