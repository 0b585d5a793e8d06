"""Log statistics after each pass: files, bytes, total time, and the slowest file.

`get_redis` returns a store that all workers share. It works without a Redis server, too. A pre hook puts the start time
into `meta`, and the post hook of the same file gets the same `meta`.
"""

import json
import time

from ingest import Core, Operation
from ingest.compat.redis_utils import get_redis

KEEP_SECONDS = 7 * 86400
"""Seconds until the values of a stopped job expire."""


def _key(meta, name):
    return f"statistics:{meta['job_name']}:{name}"


def _begin(meta):
    meta["started"] = time.monotonic()


def _end(meta):
    r, milliseconds = get_redis(meta["config"]), int(1000 * (time.monotonic() - meta["started"]))
    for name, amount in (("files", 1), ("bytes", meta["size"]), ("milliseconds", milliseconds)):
        r.incr(_key(meta, name), amount)
        r.expire(_key(meta, name), KEEP_SECONDS)
    with r.lock(_key(meta, "lock")):
        slowest = json.loads(r.get(_key(meta, "slowest")) or "[0, null]")
        if milliseconds >= slowest[0]:
            r.set(_key(meta, "slowest"), json.dumps([milliseconds, meta["target"]]), ex=KEEP_SECONDS)


class event_handler(Core):  # noqa: N801 - handlers must have this name
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
