"""Store parts of the path as AVUs of each new object.

With the pattern below, `projectX/sample7/lane1.fastq` gets project=projectX and sample=sample7. Files with other paths
are ingested without AVUs. To use this example, copy it, change PATTERN, and pass the copy to --event_handler.
"""

import os
import re

from irods.meta import iRODSMeta
from irods.models import DataObject

from ingest import Core, Operation

PATTERN = re.compile(r"(?P<project>[^/]+)/(?P<sample>[^/]+)/.+")
"""Matched against the path relative to the source directory. Each named group becomes an AVU."""
UNITS = "from path"


class event_handler(Core):  # noqa: N801 - handlers must have this name
    @staticmethod
    def operation(session, meta, **options):
        return Operation.PUT_SYNC

    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        below = os.path.relpath(meta["path"], meta["root"])
        text = os.fsencode(below).decode("utf-8", "backslashreplace")  # AVUs must be UTF-8, file names need not
        found = PATTERN.fullmatch(text)
        for attribute, value in found.groupdict().items() if found else ():
            session.metadata.add(DataObject, meta["target"], iRODSMeta(attribute, value, UNITS))
