"""Ingest the run folders of an instrument when they are complete.

Each directory directly below the source is a run. The instrument creates a marker file when the run is complete.
Without the marker, the files of a run are skipped. The first pass after the marker appeared ingests them. When all
files of the run are ingested, its collection gets the AVU status=complete. Use this handler with --interval.
"""

import os

from irods.meta import iRODSMeta
from irods.models import Collection

from ingest import Core, Operation
from ingest.compat.irods_utils import irods_session
from ingest.compat.redis_key import failures_key_handle
from ingest.compat.redis_utils import get_redis

MARKER = "RTAComplete.txt"
STATUS = "status"


def _complete(run):
    return os.path.exists(os.path.join(run, MARKER))


class event_handler(Core):  # noqa: N801 - handlers must have this name
    @staticmethod
    def operation(session, meta, **options):
        run = os.path.relpath(meta["path"], meta["root"]).split(os.sep)[0]
        if run == os.curdir or _complete(os.path.join(meta["root"], run)):
            return Operation.PUT_SYNC
        return Operation.NO_OP

    @staticmethod
    def post_job(hdlr_mod, logger, meta):
        r = get_redis(meta["config"])
        if failures_key_handle(r, meta["job_name"]).get_value():
            return  # the next pass retries the failed files
        session = irods_session(hdlr_mod, meta, logger)
        for entry in os.scandir(meta["root"]):
            done = f"complete:{entry.path}"
            target = f"{meta['target']}/{entry.name}"
            if entry.is_dir() and _complete(entry.path) and not r.exists(done) and session.collections.exists(target):
                session.metadata.set(Collection, target, iRODSMeta(STATUS, "complete"))
                r.set(done, 1)
                logger.info("run complete", run=entry.name)
