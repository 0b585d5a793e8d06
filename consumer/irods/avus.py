"""AVUs that the landing zone sets: what a special file was, and what an undecodable source path was called."""

from __future__ import annotations

import base64
from typing import Any

from irods.meta import iRODSMeta
from irods.models import Collection, DataObject

from consumer.irods.errors import ALREADY_EXISTS, code_of
from consumer.irods.sessions import Session
from ingest.paths import UNDECODABLE_AVU, UNDECODABLE_UNITS


def add_to_object(session: Session, path: str, name: str, value: str, units: str) -> None:
    """Add one AVU to a data object: one call."""
    _add(session, DataObject, path, iRODSMeta(name, value, units))


def _add(session: Session, kind: Any, path: str, avu: iRODSMeta) -> None:
    """Add an AVU, unless an earlier try has."""
    try:
        session.metadata.add(kind, path, avu)
    except Exception as error:
        if code_of(error) not in ALREADY_EXISTS:
            raise


def name_object(session: Session, path: str, source: bytes) -> None:
    """Record the absolute source path of a data object in an AVU, for a path that is not UTF-8."""
    _add(session, DataObject, path, _undecodable(source))


def name_collection(session: Session, path: str, source: bytes) -> None:
    """Record the absolute source path of a collection in an AVU, for a path that is not UTF-8."""
    _add(session, Collection, path, _undecodable(source))


def _undecodable(source: bytes) -> iRODSMeta:
    return iRODSMeta(UNDECODABLE_AVU, base64.b64encode(source).decode("ascii"), UNDECODABLE_UNITS)
