"""From the options of `start` to a job: everything that can be refused is refused here, in a sentence."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import Any

from ingest.errors import Refused, Unreachable
from ingest.handlers import check, signing
from ingest.handlers.character_map import CharacterMap
from ingest.handlers.core import Operation
from ingest.handlers.loader import Handler, read, sha256
from ingest.job import Job, LogSettings
from ingest.paths import normalise_target
from ingest.service import profile
from landingzone import s3_options
from scanner.entries import SourceUnreadable
from scanner.files.filesystem import sees_root
from scanner.rules import Rules
from scanner.sources import source_of


class Submission:
    """A job and the source of its handler, if it has one."""

    def __init__(self, source: str, target: str, given: dict[str, Any]) -> None:
        """Raises Refused."""
        self.named = bool(given["job_name"])
        self.handler: bytes | None = None
        _check_cron(given["cron"])
        if given["interval"] is not None and given["cron"] is not None:
            raise Refused("--interval and --cron exclude each other")
        characters = self._load(given["event_handler"]).character_map()
        self.job = _job(source, _mapped(target, given, characters), given, self.handler)
        rules = Rules.of(self.job)
        if self.job.s3 is not None:
            _check_bucket(self.job, rules)

    def _load(self, file: Path | None) -> Handler:
        if file is None:
            return Handler.default()
        self.handler = read(file)
        handler = Handler.load(self.handler, str(file))
        _check(handler)
        return handler


def _mapped(target: str, given: dict[str, Any], characters: CharacterMap | None) -> str:
    """The target collection; with --map-target as the handler's character map has it, as automated-ingest does."""
    target = normalise_target(target)
    if not given["map_target"]:
        return target
    if characters is None:
        raise Refused("--map-target needs character_map() in the event handler")
    return characters.translate_path(target)


def _job(source: str, target: str, given: dict[str, Any], handler: bytes | None) -> Job:
    for what, text in (("target", target), ("job name", given["job_name"] or "")):
        if not text.isprintable() and text.encode("utf-8", "replace").decode() != text:
            raise Refused(f"the {what} is not UTF-8 text: {text.encode('utf-8', 'backslashreplace').decode()}")
    in_s3 = s3_options.is_s3(source, given)
    file = given["event_handler"]
    return Job(
        name=given["job_name"] or str(uuid.uuid4()),
        source=s3_options.root(source) if in_s3 else _directory(source),
        target=target,
        s3=s3_options.settings(given) if in_s3 else None,
        interval=given["interval"],
        cron=given["cron"],
        handler=None if handler is None else sha256(handler),
        handler_signature=None if handler is None else signing.sign(handler),
        handler_file=str(file) if file else None,
        ignore_cache=given["ignore_cache"],
        initial_ingest=given["initial_ingest"],
        files_per_task=given["files_per_task"],
        idle_seconds=given["irods_idle_disconnect_seconds"],
        exclude_types=_types(given["exclude_file_type"]),
        exclude_file_names=tuple(given["exclude_file_name"]),
        exclude_directory_names=tuple(given["exclude_directory_name"]),
        watch=given.get("watch", False),
        quiet=given["quiet"] if given.get("watch") else 0.0,
        marker=given.get("marker"),
        patterns=(*given.get("temporary", ()), *given["exclude"], *(f"!{line}" for line in given["include"])),
        follow_symlinks=given["follow_symlinks"],
        one_file_system=given["one_file_system"],
        checksum=given["checksum"],
        bulk=given["bulk"],
        preserve_mtime=given["preserve_mtime"],
        max_delete=_max_delete(given["max_delete"]),
        delete_only_ingested=given["delete_only_ingested"],
        accept_new_device=given["accept_new_device"],
        log=LogSettings(given["log_level"], given["log_filename"], given["log_when"], given["log_interval"]),
        profile=profile.settings(given),
    )


def _directory(source: str) -> bytes:
    root = os.fsencode(os.path.realpath(source))
    if not os.path.lexists(source):
        raise Refused(f"the source {source} does not exist")
    if not os.path.isdir(root):
        raise Refused(f"the source {source} is not a directory")
    if not sees_root(root):
        raise Refused(f"the source {source} cannot be listed by this account")
    return root


def _check_bucket(job: Job, rules: Rules) -> None:
    try:
        if source_of(job, rules).is_empty():  # a prefix that nobody has written to yet looks like a misspelt one
            print(f"warning: there are no objects in {os.fsdecode(job.source)}", file=sys.stderr)
    except (SourceUnreadable, Unreachable) as error:
        raise Refused(str(error)) from error


def _types(text: str | None) -> tuple[str, ...]:
    """The comma list of --exclude_file_type; `none` is what automated-ingest calls an empty one."""
    names = [name.strip() for name in (text or "").split(",")]
    return tuple(name for name in names if name and name != "none")


def _max_delete(text: str | None) -> str | None:
    if text is None:
        return None
    number = text.removesuffix("%")
    if not number.replace(".", "", 1 if text.endswith("%") else 0).isdecimal():
        raise Refused(f"--max-delete {text!r} is neither a number nor a share like 5%")
    return text


def _check_cron(text: str | None) -> None:
    if text is None:
        return
    from croniter import croniter  # noqa: PLC0415 - few jobs have one

    if not croniter.is_valid(text):
        raise Refused(f"--cron {text!r} is not a cron expression like '0 3 * * *'")


def _check(handler: Handler) -> None:
    """Warn of and refuse what can be known at once; a handler that needs a session is asked again by a worker."""
    operation = _known_operation(handler)
    for each in check.warnings(handler, operation):
        print(f"warning: {each}", file=sys.stderr)
    if operation is None:
        return
    if operation is Operation.REGISTER_AS_REPLICA_SYNC and not handler.has("to_resource"):
        raise Refused("REGISTER_AS_REPLICA_SYNC needs to_resource() in the event handler")
    handler.check_modes(operation, {})


def _known_operation(handler: Handler) -> Operation | None:
    try:
        operation = handler.operation(None, {})
        handler.delete_mode({})
    except Exception:  # noqa: BLE001 - it depends on the path, or on the catalog
        return None
    return operation
