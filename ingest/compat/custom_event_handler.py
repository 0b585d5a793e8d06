"""Automated-ingest's `custom_event_handler`: the methods of a job's handler."""
# ruff: noqa: N801 - the names that handler files import

from __future__ import annotations

from typing import Any

from ingest.handlers.core import DeleteMode, Operation
from ingest.handlers.loader import Handler, loaded


class custom_event_handler:
    """The handler that `meta` belongs to, in the worker that has loaded it; raises LookupError elsewhere."""

    def __init__(self, meta: dict[str, Any]) -> None:
        self.meta = meta
        key = meta.get("event_handler_key")
        self._handler = loaded(key) if key else Handler.default()

    def get_module(self) -> Any:
        """The handler's class; None when the job has no handler."""
        return self._handler.cls

    def hasattr(self, attr: str) -> bool:
        """Whether the handler has this method."""
        return self._handler.has(attr)

    def call(self, event: str, logger: Any, func: Any, *args: Any, **options: Any) -> None:
        """Run `func` as an event, such as `on_coll_create`, with the handler's hooks around it."""
        self._handler.event(event.removeprefix("on_"), func, logger, *args, **options)

    def operation(self, session: Any, **options: Any) -> Operation:
        """What to do with the path."""
        return self._handler.operation(session, self.meta, **options)

    def to_resource(self, session: Any, **options: Any) -> str | None:
        """The resource that the handler wants."""
        return self._handler.to_resource(session, self.meta, **options)

    def target_path(self, session: Any, **options: Any) -> str | None:
        """The physical path as the server sees it."""
        return self._handler.target_path(session, self.meta, **options)

    def delete_mode(self) -> DeleteMode:
        """What happens to an object whose source is absent."""
        return self._handler.delete_mode(self.meta)

    def max_retries(self, logger: Any = None) -> int:
        """How often a failed path is retried."""
        return self._handler.max_retries(logger, self.meta)

    def delay(self, logger: Any = None, retries: int = 1) -> float:
        """Seconds before the retry with this number."""
        return self._handler.delay(logger, self.meta, retries)

    def timeout(self, logger: Any = None) -> float:
        """Seconds that a task may take."""
        return self._handler.timeout(logger, self.meta)
