"""Metadata from the path: what the names of directories tell becomes AVUs of each new object.

With the pattern below, `projectX/sample7/lane1.fastq` gets project=projectX and sample=sample7. Files elsewhere are
ingested without. To use it: copy, change PATTERN, and give the copy to --event_handler.
"""

import os
import re

from irods.meta import iRODSMeta
from irods.models import DataObject

from ingest import Core, Operation

PATTERN = re.compile(r"(?P<project>[^/]+)/(?P<sample>[^/]+)/.+")
"""Matched against the path below the source directory; each named group becomes an AVU."""
UNITS = "from path"


class event_handler(Core):  # noqa: N801 - the name that handlers have
    @staticmethod
    def operation(session, meta, **options):
        return Operation.PUT_SYNC

    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        below = os.path.relpath(meta["path"], meta["root"])
        text = os.fsencode(below).decode("utf-8", "backslashreplace")  # names need not be UTF-8, AVUs must be
        found = PATTERN.fullmatch(text)
        for attribute, value in found.groupdict().items() if found else ():
            session.metadata.add(DataObject, meta["target"], iRODSMeta(attribute, value, UNITS))
