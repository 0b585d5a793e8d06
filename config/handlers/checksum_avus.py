"""Store the SHA-256 of each source file as an AVU, also for registered files.

The worker computes it from the source file. It can be compared later with the bytes in iRODS. The option --checksum
stores checksums that the iRODS server computes.
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


class event_handler(Core):  # noqa: N801 - handlers must have this name
    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        _set(session, meta)

    @staticmethod
    def post_data_obj_modify(hdlr_mod, logger, session, meta, *args, **options):
        _set(session, meta)
