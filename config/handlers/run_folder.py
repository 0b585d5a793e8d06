"""Run folders of an instrument: a folder is ingested once its marker file says that the instrument is done with it.

Each directory right below the source is a run. Until it has the marker its files are looked at and left alone; the
pass after the marker has come takes them in, and the collection of the run gets status=complete when all has arrived.
To be used with --interval.
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


class event_handler(Core):  # noqa: N801 - the name that handlers have
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
            return  # the next pass tries again what has failed
        session = irods_session(hdlr_mod, meta, logger)
        for entry in os.scandir(meta["root"]):
            known = f"complete:{entry.path}"
            target = f"{meta['target']}/{entry.name}"
            if entry.is_dir() and _complete(entry.path) and not r.exists(known) and session.collections.exists(target):
                session.metadata.set(Collection, target, iRODSMeta(STATUS, "complete"))
                r.set(known, 1)
                logger.info("run complete", run=entry.name)
