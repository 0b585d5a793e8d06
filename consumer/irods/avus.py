"""AVUs that the landing zone sets: what a special file was, and what an undecodable source path was called."""

from __future__ import annotations

import base64

from irods.meta import iRODSMeta
from irods.models import Collection, DataObject

from consumer.irods.sessions import Session
from ingest.paths import UNDECODABLE_AVU, UNDECODABLE_UNITS


def add_to_object(session: Session, path: str, name: str, value: str, units: str) -> None:
    """Add one AVU to a data object: one call."""
    session.metadata.add(DataObject, path, iRODSMeta(name, value, units))


def name_object(session: Session, path: str, source: bytes) -> None:
    """Record the absolute source path of a data object in an AVU, for a path that is not UTF-8."""
    session.metadata.add(DataObject, path, _undecodable(source))


def name_collection(session: Session, path: str, source: bytes) -> None:
    """Record the absolute source path of a collection in an AVU, for a path that is not UTF-8."""
    session.metadata.add(Collection, path, _undecodable(source))


def _undecodable(source: bytes) -> iRODSMeta:
    return iRODSMeta(UNDECODABLE_AVU, base64.b64encode(source).decode("ascii"), UNDECODABLE_UNITS)
