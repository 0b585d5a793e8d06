"""Checksums as AVUs: the SHA-256 of each file as it is read here, for registered files, too.

The server's own checksums are had with --checksum. These ones are of the file as the worker sees it, and stay beside
the object for whoever wants to compare later.
"""

import hashlib

from irods.meta import iRODSMeta
from irods.models import DataObject

from ingest import Core

ATTRIBUTE = "sha256"
UNITS = "of the source file"
BUFFER = 4 * 1024 * 1024


def _checksum(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(BUFFER):
            digest.update(chunk)
    return digest.hexdigest()


def _set(session, meta):
    if meta["is_socket"]:
        return
    avus = session.metadata.get(DataObject, meta["target"])
    for avu in avus:
        if (avu.name, avu.units) == (ATTRIBUTE, UNITS):
            session.metadata.remove(DataObject, meta["target"], avu)
    session.metadata.add(DataObject, meta["target"], iRODSMeta(ATTRIBUTE, _checksum(meta["path"]), UNITS))


class event_handler(Core):  # noqa: N801 - the name that handlers have
    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        _set(session, meta)

    @staticmethod
    def post_data_obj_modify(hdlr_mod, logger, session, meta, *args, **options):
        _set(session, meta)
