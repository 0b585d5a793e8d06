"""The source paths that a task acts on: no two tasks of a watch job act on one path at one time."""

from __future__ import annotations

from ingest.job import Job
from ingest.messages import Delete, ListPath, MovePath, SyncFiles, Task, path_from_wire
from ingest.store import Subject
from ingest.tasks import source_path


def subjects_of(task: Task, job: Job) -> list[Subject]:
    """Return what a task of a job acts on; nothing for the tasks that begin and end a pass.

    The path of a deletion candidate is that of its logical name, as if no name were mapped.
    """
    match task:
        case SyncFiles():
            return [Subject(path_from_wire(change.path)) for change in task.changes]
        case Delete():
            return [Subject(source_path(job, each), each.collection) for each in task.candidates]
        case ListPath():
            return [Subject(path_from_wire(task.path))]
        case MovePath():
            return [Subject(path_from_wire(path), task.directory) for path in (task.old, task.new)]
        case _:
            return []
