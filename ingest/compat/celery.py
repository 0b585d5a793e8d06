"""What has no meaning without Celery: it can be imported, and says so when it is used."""

from __future__ import annotations

from typing import Any, NoReturn


def _refuse(name: str) -> NoReturn:
    raise NotImplementedError(f"{name} belongs to Celery, which the landing zone does without")


class _App:
    def __getattr__(self, name: str) -> Any:
        _refuse(f"app.{name}")


app = _App()


def enqueue_task(*_: Any, **__: Any) -> NoReturn:
    """Raise NotImplementedError: tasks are the landing zone's own business."""
    _refuse("enqueue_task")
