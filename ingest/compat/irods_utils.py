"""Automated-ingest's `irods.irods_utils`, formerly `sync_irods`: sessions and small questions to the catalog."""

from __future__ import annotations

from typing import Any

from ingest.compat import runtime
from ingest.compat.custom_event_handler import custom_event_handler


def irods_session(
    handler_module: Any = None,
    meta: dict[str, Any] | None = None,
    logger: Any = None,  # noqa: ARG001 - nothing is logged here
    *,
    hdlr_mod: Any = None,
    **options: Any,
) -> Any:
    """The worker's session for whom `as_user` of the handler names, else for the service account.

    `handler_module` (before 0.6: `hdlr_mod`) is the first argument of a hook: the module or the class. The session is
    shared with the worker; closing it does no harm.
    """
    module = hdlr_mod if handler_module is None else handler_module
    as_user = getattr(getattr(module, "event_handler", module), "as_user", None)
    return runtime.session_of(as_user(meta or {}, **options) if as_user else None)


def child_of(session: Any, leaf: str, wanted: str) -> bool:
    """Whether the resource `leaf` is `wanted` or below it."""
    name: str | None = leaf
    while name and name != wanted:
        name = session.resources.get(name).parent_name
    return name == wanted


def size(session: Any, path: str, replica_num: int | None = None, resc_name: str | None = None) -> int:
    """The size of a data object in bytes, or of the replica with this number or on this resource.

    Raises LookupError when there is no such replica, and what python-irodsclient raises when there is no object.
    """
    found = session.data_objects.get(path)
    if replica_num is None and resc_name is None:
        return int(found.size)
    for replica in found.replicas:
        if replica_num in (None, replica.number) and resc_name in (None, replica.resource_name):
            return int(replica.size)
    raise LookupError(f"{path} has no such replica")


def create_dirs(hdlr_mod: Any, logger: Any, session: Any, meta: dict[str, Any], **options: Any) -> None:
    """Create the collection `meta["target"]` and the missing ones above it, top down, with the handler's hooks."""
    target, path = meta["target"], meta["path"]
    if not target.startswith("/"):
        raise ValueError(f"create_dirs: relative path; {target}")
    if session.collections.exists(target):
        return
    parent = target.rpartition("/")[0]
    if parent:
        create_dirs(hdlr_mod, logger, session, {**meta, "target": parent, "path": path.rpartition("/")[0]}, **options)
    custom_event_handler(meta).call("on_coll_create", logger, _create, session, meta, **options)


def _create(_module: Any, _logger: Any, session: Any, meta: dict[str, Any], **_: Any) -> None:
    session.collections.create(meta["target"])


def list_collection(*args: Any) -> tuple[list[Any], list[Any]]:
    """Sub-collections and data objects of a collection: `list_collection(meta, logger, path)`, or with a session."""
    path = next(each for each in args if isinstance(each, str))
    sessions = [each for each in args if hasattr(each, "collections")]
    session = sessions[0] if sessions else irods_session()
    if not session.collections.exists(path):
        return [], []
    found = session.collections.get(path)
    return list(found.subcollections), list(found.data_objects)
