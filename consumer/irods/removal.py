"""Removes objects and empty collections according to the delete mode."""

from __future__ import annotations

from irods.session import iRODSSession

from consumer.irods.errors import NO_COLLECTION, NO_OBJECT, code_of
from ingest.handlers.core import DeleteMode

NOT_EMPTY = -821000
"""CAT_COLLECTION_NOT_EMPTY."""


def remove_object(session: iRODSSession, path: str, mode: DeleteMode) -> None:
    """UNREGISTER leaves the files, TRASH moves the object to the trash, NO_TRASH removes it with its files.

    An absent object is no error.
    """
    try:
        if mode is DeleteMode.UNREGISTER:
            session.data_objects.unregister(path)
        else:
            session.data_objects.unlink(path, force=mode is DeleteMode.NO_TRASH)
    except Exception as error:
        if code_of(error) not in NO_OBJECT:
            raise


def remove_collection(session: iRODSSession, path: str, mode: DeleteMode) -> bool:
    """Remove an empty collection, never recursively. False: it is not empty, and stays."""
    try:
        if mode is DeleteMode.UNREGISTER:
            session.collections.unregister(path, recurse=False)
        else:
            session.collections.remove(path, recurse=False, force=True)
    except Exception as error:
        if code_of(error) == NOT_EMPTY:
            return False
        if code_of(error) not in NO_OBJECT | {NO_COLLECTION}:
            raise
    return True
