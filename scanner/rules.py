"""Which entries of a source are left out, and how links and mounts are treated: the options of a job, compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, get_args

from pathspec import GitIgnoreSpec

from ingest.errors import Refused
from ingest.job import Job
from scanner.entries import Kind

_NEWLINE = "\udc0a"
"""Replaces newlines in what patterns see, because `.` and `$` treat them as special. No decoded path has it."""


class Rules:
    """What is left out; without arguments, nothing. `option` names `patterns` in messages.

    Expressions see a path as text, in which bytes that are not UTF-8 are lone surrogates (`surrogateescape`); `.`
    matches one. Raises Refused, naming option and expression, when one does not compile.
    """

    def __init__(
        self,
        *,
        types: Iterable[str] = (),
        file_names: Iterable[str] = (),
        directory_names: Iterable[str] = (),
        patterns: Iterable[str] = (),
        option: str = "--exclude",
        follow_symlinks: bool = False,
        one_file_system: bool = False,
    ) -> None:
        self.follow_symlinks = follow_symlinks
        self.one_file_system = one_file_system
        self._types = _checked_types(types)
        self._file_names = [_regex("--exclude_file_name", text) for text in file_names]
        self._directory_names = [_regex("--exclude_directory_name", text) for text in directory_names]
        lines = [_line(text, option) for text in patterns]
        self._lines = [line for line in reversed(lines) if line is not None]
        self.keeps_regular_files = not (self._file_names or self._lines or "regular" in self._types)
        """Whether `excludes` need not be asked about regular files."""

    @classmethod
    def of(cls, job: Job) -> Rules:
        """The rules that the job's options make."""
        return cls(
            types=job.exclude_types,
            file_names=job.exclude_file_names,
            directory_names=job.exclude_directory_names,
            patterns=job.patterns,
            follow_symlinks=job.follow_symlinks,
            one_file_system=job.one_file_system,
        )

    def excludes(self, root: bytes, path: bytes, kind: Kind) -> str | None:
        """The option that leaves the entry out, or None.

        `root` is the absolute path of the source and `path` relative to it. The directories above the entry are not
        considered: an excluded directory is not entered, so this is never called for anything below it. "" is never
        excluded.
        """
        if not path:
            return None
        if kind in self._types:
            return f"--exclude_file_type {kind}"
        option, regexes = "--exclude_file_name", self._file_names
        if kind == "directory":
            option, regexes = "--exclude_directory_name", self._directory_names
        if regexes:
            absolute = _text(root.rstrip(b"/") + b"/" + path)
            for regex in regexes:
                if regex.match(absolute):
                    return f"{option} {regex.pattern}"
        return self._excluded_by_line(path, kind == "directory") if self._lines else None

    def _excluded_by_line(self, path: bytes, is_directory: bool) -> str | None:
        text = _text(path).replace("\n", _NEWLINE)
        name = text.rpartition("/")[2]
        for line in self._lines:
            if line.only_directories and not is_directory:
                continue
            match = line.regex.search(text if line.is_anchored else name)
            # The one group in these expressions matches if a directory above matched, not the path itself.
            if match and match.lastindex is None:
                return f"--exclude {line.text}" if line.excludes else None
        return None


class _Line(NamedTuple):
    text: str
    regex: re.Pattern[str]
    excludes: bool
    only_directories: bool
    is_anchored: bool


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _checked_types(types: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(types)
    for unknown in sorted(wanted.difference(get_args(Kind))):
        raise Refused(f"--exclude_file_type {unknown!r} is none of {', '.join(get_args(Kind))}")
    return wanted


def _regex(option: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused(f"{option} {text!r} is not a regular expression: {error}") from error


def _line(text: str, option: str) -> _Line | None:
    """One gitignore line; None when it is blank or a comment.

    Git matches one path at a time, top down, and the last line that matches decides. `GitIgnoreSpec.match_file` matches
    a path together with all directories above it, which is wrong for `*`, `!keep/`. So it only translates the lines.
    """
    line = text if text.endswith("\\ ") else text.rstrip()
    if not line or line.startswith("#"):
        return None
    only_directories = line.endswith("/")
    bare = line[:-1] if only_directories else line
    option, shown = ("--include", text[1:]) if text.startswith("!") else (option, text)
    if re.search(r"\[[^]]*\[:", bare):
        raise Refused(f"{option} {shown!r} has a character class like [:alpha:], which is not supported")
    try:
        compiled = GitIgnoreSpec.from_lines([bare.replace("\n", _NEWLINE)]).patterns
    except (ValueError, re.error) as error:
        raise Refused(f"{option} {shown!r} is not a gitignore pattern: {error}") from error
    for pattern in compiled:
        if pattern.regex is not None:
            return _Line(text, pattern.regex, bool(pattern.include), only_directories, "/" in bare)
    raise Refused(f"{option} {shown!r} is not a gitignore pattern: it can match nothing")
