"""Makes automated-ingest's module names importable, unless automated-ingest itself is installed.

A finder on `sys.meta_path`, installed once per process, and not entries put into `sys.modules` around each call of a
handler: a handler may import anywhere, at the top or in a method, in a thread of its own or in a module that it
imports, and nothing has to be taken back afterwards. It is the last finder, so an installed package takes precedence.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

PACKAGE = "irods_capability_automated_ingest"

_COMPAT = "ingest.compat"
_PARTS: dict[str, tuple[str, ...]] = {
    "": (),
    "celery": (f"{_COMPAT}.celery",),
    "char_map_util": (f"{_COMPAT}.char_map_util",),
    "core": ("ingest.handlers.core",),
    "custom_event_handler": (f"{_COMPAT}.custom_event_handler",),
    "examples": (),
    "irods": (),
    "irods.irods_utils": (f"{_COMPAT}.irods_utils",),
    "redis_key": (f"{_COMPAT}.redis_key",),
    "redis_utils": (f"{_COMPAT}.redis_utils",),
    "sync_irods": (f"{_COMPAT}.irods_utils",),
    "sync_job": (f"{_COMPAT}.sync_job",),
    "sync_logging": (f"{_COMPAT}.sync_logging",),
    "sync_utils": tuple(f"{_COMPAT}.{name}" for name in ("utils", "redis_utils", "irods_utils", "celery")),
    "utils": (f"{_COMPAT}.utils",),
}
"""Automated-ingest's modules, also those of before its version 0.6, and where ours have what was in them."""

_FOLDERS = {"": [], "irods": [], "examples": [str(Path(__file__).with_name("examples"))]}


class _Merge(Loader):
    """Gives a module the public names of ours."""

    def __init__(self, parts: Sequence[str]) -> None:
        self._parts = parts

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        for part in self._parts:
            names = vars(importlib.import_module(part))
            vars(module).update({name: value for name, value in names.items() if not name.startswith("_")})


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        top, _, part = fullname.partition(".")
        if top != PACKAGE or (part and not isinstance(sys.modules[PACKAGE].__loader__, _Merge)):
            return None
        if part not in _PARTS:
            raise ModuleNotFoundError(f"the landing zone has nothing that corresponds to {fullname}", name=fullname)
        spec = ModuleSpec(fullname, _Merge(_PARTS[part]), is_package=part in _FOLDERS)
        if part in _FOLDERS:
            spec.submodule_search_locations = _FOLDERS[part]
        return spec


def install() -> None:
    """Make the names importable in this process; doing it again changes nothing."""
    if not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.append(_Finder())
