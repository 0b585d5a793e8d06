"""Statistics of all workers: how many files and bytes, how long they took, and the slowest, logged after each pass.

`get_redis` gives values that all workers share; no Redis is needed. In the pre hook a time is put into `meta`, which
the post hook of the same file gets, too.
"""

import json
import time

from ingest import Core, Operation
from ingest.compat.redis_utils import get_redis

KEEP_SECONDS = 7 * 86400
"""For how long the values of a job that was stopped stay."""


def _key(meta, name):
    return f"statistics:{meta['job_name']}:{name}"


def _begin(meta):
    meta["begun"] = time.monotonic()


def _end(meta):
    r, milliseconds = get_redis(meta["config"]), int(1000 * (time.monotonic() - meta["begun"]))
    for name, amount in (("files", 1), ("bytes", meta["size"]), ("milliseconds", milliseconds)):
        r.incr(_key(meta, name), amount)
        r.expire(_key(meta, name), KEEP_SECONDS)
    with r.lock(_key(meta, "lock")):
        slowest = json.loads(r.get(_key(meta, "slowest")) or "[0, null]")
        if milliseconds >= slowest[0]:
            r.set(_key(meta, "slowest"), json.dumps([milliseconds, meta["target"]]), ex=KEEP_SECONDS)


class event_handler(Core):  # noqa: N801 - the name that handlers have
    @staticmethod
    def operation(session, meta, **options):
        return Operation.PUT_SYNC

    @staticmethod
    def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        _begin(meta)

    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        _end(meta)

    @staticmethod
    def pre_data_obj_modify(hdlr_mod, logger, session, meta, *args, **options):
        _begin(meta)

    @staticmethod
    def post_data_obj_modify(hdlr_mod, logger, session, meta, *args, **options):
        _end(meta)

    @staticmethod
    def post_job(hdlr_mod, logger, meta):
        r = get_redis(meta["config"])
        numbers = {name: int(r.get(_key(meta, name)) or 0) for name in ("files", "bytes", "milliseconds")}
        slowest = json.loads(r.get(_key(meta, "slowest")) or "[0, null]")
        logger.warning("statistics", **numbers, slowest=slowest[1], slowest_milliseconds=slowest[0])
        r.delete(*(_key(meta, name) for name in ("files", "bytes", "milliseconds", "slowest")))
