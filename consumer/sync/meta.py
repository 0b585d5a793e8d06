"""The `meta` dictionary that handlers see, with the keys that automated-ingest's have."""

from __future__ import annotations

import base64
import os
from typing import Any

from consumer.sync.place import Place
from ingest.job import Job, LogSettings
from ingest.messages import Stat
from ingest.paths import join, logical_path
from scanner.entries import Entry

Meta = dict[str, Any]


def of_job(job: Job) -> Meta:
    """The `meta` of the whole job; `path` and `target` are its root."""
    source = os.fsdecode(job.source)
    config = {
        "log": _log(job.log),
        "profile": _log(job.profile or LogSettings()),
        "redis": {"host": "localhost", "port": 6379, "db": 0},
    }
    return {
        "restart_queue": job.topics.restart,
        "path_queue": job.topics.path,
        "file_queue": job.topics.file,
        "target": job.target,
        "root_target_collection": job.target,
        "src_path": source,
        "root": source,
        "path": source,
        "interval": job.interval,
        "job_name": job.name,
        "ignore_cache": job.ignore_cache,
        "initial_ingest": job.initial_ingest,
        "event_handler": job.handler_file,
        "event_handler_key": job.handler,
        "config": config,
        "synchronous": False,
        "progress": False,
        "profile": job.profile is not None,
        "files_per_task": job.files_per_task,
        "exclude_file_type": list(job.exclude_types),
        "exclude_file_name": list(job.exclude_file_names),
        "exclude_directory_name": list(job.exclude_directory_names),
        "idle_disconnect_seconds": job.idle_seconds,
        "s3_endpoint_domain": job.s3 and job.s3.endpoint,
        "s3_region_name": job.s3 and job.s3.region,
        "s3_keypair": job.s3 and job.s3.keypair,
        "s3_proxy_url": job.s3 and job.s3.proxy,
        "s3_secure_connection": job.s3 and job.s3.secure,
        "s3_multipart_chunksize_in_mib": job.s3 and job.s3.multipart_mib,
    }


def _of_entry(job: Job) -> Meta:
    """The part of the `meta` of an entry that is the same for the whole job. For S3, `root` is the bucket."""
    if job.s3 is None:
        return of_job(job)
    bucket, _, prefix = os.fsdecode(job.source)[1:].partition("/")
    return of_job(job) | {"root": bucket, "s3_prefix": prefix}


def _log(settings: LogSettings) -> Meta:
    return {name: getattr(settings, name) for name in ("filename", "when", "interval", "level")}


def of_directory(job: Job, path: bytes, target: str, stat: Stat | None) -> Meta:
    """The `meta` of one directory and its collection `target`."""
    meta = _of_entry(job) | {
        "task": "filesystem_sync_dir" if job.s3 is None else "s3_bucket_sync_dir",
        "queue_name": job.topics.path,
        "path": os.fsdecode(join(job.source, path)),
        "target": target,
        "entry_type": "dir",
    }
    return meta if stat is None or job.s3 is not None else meta | _times(stat)


def of_file(job: Job, entry: Entry, place: Place) -> Meta:
    """The `meta` of one file."""
    return (
        _of_entry(job)
        | {
            "task": "sync_file",
            "queue_name": job.topics.file,
            "path": os.fsdecode(place.source),
            "target": place.target,
            "entry_type": "file",
            "is_empty_dir": None,
            "is_link": entry.kind == "link",
            "is_socket": entry.kind == "socket",
            "size": entry.stat.size,
        }
        | (_times(entry.stat) if job.s3 is None else _modified(entry.stat))
        | _other_name(job, place)
    )


def _other_name(job: Job, place: Place) -> Meta:
    """The source path in base64, if the logical path does not show it, and the reason."""
    source = place.source
    try:
        source.decode()
    except UnicodeDecodeError:
        return {
            "b64_path_str": base64.b64encode(source),
            "b64_reason": "UnicodeEncodeError",
            "unicode_error_filename": place.target.rpartition("/")[2],
        }
    if place.target == logical_path(job.source, job.target, place.path):
        return {}
    return {"b64_path_str_charmap": base64.b64encode(source), "b64_reason": "character_map"}


def of_deletion(job: Job, path: str, target: str, *, collection: bool) -> Meta:
    """The `meta` of an object or collection to delete; `path` is the path of its absent source."""
    return _of_entry(job) | {
        "task": "delete_collection" if collection else "delete_data_object",
        "queue_name": job.topics.file,
        "path": path,
        "target": target,
        "target_collection": target if collection else target.rpartition("/")[0],
    }


def _times(stat: Stat) -> Meta:
    return {"mtime": seconds(stat.mtime_ns), "ctime": seconds(stat.ctime_ns)}


def _modified(stat: Stat) -> Meta:
    """The whole second of an object's last modification: the fraction is made from its ETag."""
    whole = float(stat.mtime_ns // 1_000_000_000)
    return {"mtime": whole, "ctime": whole}


def seconds(nanoseconds: int) -> float:
    """A time as `os.stat` returns it in `st_mtime`, to the last bit: handlers compare."""
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    return whole + rest * 1e-9
