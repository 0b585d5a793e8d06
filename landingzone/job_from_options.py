"""Make a job from options. Whatever is wrong with them is refused here, with one sentence."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import msgspec

from ingest.errors import Refused, Unreachable
from ingest.handlers import check, signing
from ingest.handlers.character_map import CharacterMap
from ingest.handlers.core import Operation
from ingest.handlers.loader import Handler, read, sha256
from ingest.job import Job, LogSettings
from ingest.paths import normalise_target
from landingzone import s3_options
from landingzone.job_options import JobOptions
from landingzone.watch_options import WatchOptions
from scanner.entries import SourceUnreadable
from scanner.files.filesystem import sees_root
from scanner.rules import Rules
from scanner.sources import source_of


class Submission:
    """A job and the source of its handler, if it has one."""

    def __init__(
        self,
        source: str,
        target: str,
        options: JobOptions,
        log: LogSettings,
        profile: LogSettings | None,
        watching: WatchOptions | None = None,
    ) -> None:
        """`watching`: the options of `ingest-watch`, if that starts the job. Raises Refused."""
        self.named = bool(options.job_name)
        self.handler: bytes | None = None
        _check_cron(options.cron)
        if options.interval is not None and options.cron is not None:
            raise Refused("--interval and --cron exclude each other")
        characters = self._load(options.event_handler).character_map()
        job = _job(source, _mapped(target, options, characters), options, self.handler)
        self.job = msgspec.structs.replace(_watched(job, watching), log=log, profile=profile)
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


def _mapped(target: str, options: JobOptions, characters: CharacterMap | None) -> str:
    """The target collection. With --map-target the character map of the handler applies, as in automated-ingest."""
    target = normalise_target(target)
    if not options.map_target:
        return target
    if characters is None:
        raise Refused("--map-target needs character_map() in the event handler")
    return characters.translate_path(target)


def _watched(job: Job, watching: WatchOptions | None) -> Job:
    if watching is None:
        return job
    live = not watching.no_events
    patterns = (*watching.temporary, *job.patterns)
    return msgspec.structs.replace(
        job,
        watch=live,
        quiet=(watching.quiet or 0.0) if live else 0.0,
        marker=watching.marker,
        patterns=patterns,
    )


def _job(source: str, target: str, options: JobOptions, handler: bytes | None) -> Job:
    for what, text in (("target", target), ("job name", options.job_name or "")):
        if not text.isprintable() and text.encode("utf-8", "replace").decode() != text:
            raise Refused(f"the {what} is not UTF-8 text: {text.encode('utf-8', 'backslashreplace').decode()}")
    in_s3 = s3_options.is_s3(source, options)
    file = options.event_handler
    return Job(
        name=options.job_name or str(uuid.uuid4()),
        source=s3_options.root(source) if in_s3 else _directory(source),
        target=target,
        s3=s3_options.settings(options.s3) if in_s3 else None,
        interval=options.interval,
        cron=options.cron,
        handler=None if handler is None else sha256(handler),
        handler_signature=None if handler is None else signing.sign(handler),
        handler_file=str(file) if file else None,
        ignore_cache=options.ignore_cache,
        initial_ingest=options.initial_ingest,
        files_per_task=options.files_per_task,
        idle_seconds=options.irods_idle_disconnect_seconds,
        exclude_types=_types(options.exclude_file_type),
        exclude_file_names=tuple(options.exclude_file_name),
        exclude_directory_names=tuple(options.exclude_directory_name),
        patterns=(*options.exclude, *(f"!{line}" for line in options.include)),
        follow_symlinks=options.follow_symlinks,
        one_file_system=options.one_file_system,
        checksum=options.checksum,
        bulk=options.bulk,
        preserve_mtime=options.preserve_mtime,
        max_delete=_max_delete(options.max_delete),
        delete_only_ingested=options.delete_only_ingested,
        accept_new_device=options.accept_new_device,
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
        if source_of(job, rules).is_empty():  # perhaps its name is misspelt
            print(f"warning: there are no objects in {os.fsdecode(job.source)}", file=sys.stderr)
    except (SourceUnreadable, Unreachable) as error:
        raise Refused(str(error)) from error


def _types(text: str | None) -> tuple[str, ...]:
    """Split the comma list of --exclude_file_type; automated-ingest writes `none` for an empty one."""
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
    """Check what needs no session. A worker checks the rest. Raises Refused."""
    operation = _known_operation(handler)
    for each in check.misfits(handler):
        raise Refused(each)
    for each in check.warnings(handler):
        print(f"warning: {each}", file=sys.stderr)
    if operation is not None:
        handler.check_modes(operation, {})


def _known_operation(handler: Handler) -> Operation | None:
    try:
        operation = handler.operation(None, {})
        handler.delete_mode({})
    except Exception:  # noqa: BLE001 - the handler needs a path or a session
        return None
    return operation
