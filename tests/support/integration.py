"""What the integration tests share: every replica row of a collection, storage of one's own, handlers that log."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from irods.column import Like
from irods.models import Collection, CollectionMeta, DataObject, DataObjectMeta
from irods.session import iRODSSession

GOOD, STALE = "1", "0"


class Row(NamedTuple):
    """One replica as the catalog has it; times in seconds."""

    number: int
    hierarchy: str
    path: str
    size: int
    mtime: int
    status: str
    checksum: str | None


def rows(irods: iRODSSession, target: str) -> dict[str, list[Row]]:
    """Path relative to the target → the replicas of the object in the order of their numbers."""
    columns = (
        Collection.name, DataObject.name, DataObject.replica_number, DataObject.resc_hier, DataObject.path,
        DataObject.size, DataObject.modify_time, DataObject.replica_status, DataObject.checksum,
    )  # fmt: skip
    found: dict[str, list[Row]] = {}
    for condition in (Collection.name == target, Like(Collection.name, f"{target}/%")):
        for row in irods.query(*columns).filter(condition):
            path = f"{row[Collection.name]}/{row[DataObject.name]}".removeprefix(f"{target}/")
            mtime = int(row[DataObject.modify_time].timestamp())
            number, hierarchy, physical, size = (row[column] for column in columns[2:6])
            checksum = row[DataObject.checksum] or None
            found.setdefault(path, []).append(Row(number, hierarchy, physical, size, mtime, row[columns[7]], checksum))
    return {path: sorted(replicas) for path, replicas in found.items()}


def only(irods: iRODSSession, target: str, path: str) -> Row:
    """The one replica of an object that must have no other."""
    (row,) = rows(irods, target)[path]
    return row


def content(irods: iRODSSession, path: str) -> bytes:
    """What a data object holds."""
    with irods.data_objects.open(path, "r") as stored:
        return bytes(stored.read())


def collections(irods: iRODSSession, target: str) -> set[str]:
    """The paths of all collections below the target, relative to it."""
    found = irods.query(Collection.name).filter(Like(Collection.name, f"{target}/%"))
    return {row[Collection.name].removeprefix(f"{target}/") for row in found}


def avus(irods: iRODSSession, target: str, *, of: str = "object") -> list[tuple[str, str, str, str]]:
    """Path relative to the target, attribute, value and units of all AVUs below the target, sorted."""
    meta = DataObjectMeta if of == "object" else CollectionMeta
    columns = [Collection.name, meta.name, meta.value, meta.units]
    if of == "object":
        columns.append(DataObject.name)
    found = []
    for condition in (Collection.name == target, Like(Collection.name, f"{target}/%")):
        for row in irods.query(*columns).filter(condition):
            path = f"{row[Collection.name]}/{row[DataObject.name]}" if of == "object" else row[Collection.name]
            found.append((path.removeprefix(f"{target}/"), row[meta.name], row[meta.value], row[meta.units]))
    return sorted(found)


def sha2(data: bytes) -> str:
    """A checksum as the catalog has it."""
    return "sha2:" + base64.b64encode(hashlib.sha256(data).digest()).decode()


def let_others_in(path: Path) -> Path:
    """Let other accounts, such as the server's, pass through to a directory of a test."""
    for each in (path, *path.parents):
        if each.owner() == path.owner() and each.stat().st_mode & 0o011 != 0o011:
            each.chmod(each.stat().st_mode | 0o711)
    return path


class Storage:
    """Resources of a test's own, with vaults in one directory; `remove` takes them away again."""

    def __init__(self, irods: iRODSSession, vaults: Path) -> None:
        self._irods = irods
        self._vaults = vaults
        host = irods.resources.get(default_resource(irods)).location
        self._host = host
        self._links: list[tuple[str, str]] = []
        self._names: list[str] = []

    def resource(self) -> str:
        """The name of a new storage resource."""
        name = f"ingesttest{secrets.token_hex(4)}"
        vault = self._vaults / name
        vault.mkdir(parents=True)
        vault.chmod(0o777)
        self._irods.resources.create(name, "unixfilesystem", host=self._host, path=str(vault))
        self._names.append(name)
        return name

    def tree(self) -> tuple[str, str]:
        """The names of the root and the leaf of a new passthru hierarchy."""
        leaf, root = self.resource(), f"ingesttest{secrets.token_hex(4)}"
        self._irods.resources.create(root, "passthru")
        self._names.append(root)
        self._irods.resources.add_child(root, leaf)
        self._links.append((root, leaf))
        return root, leaf

    def remove(self) -> None:
        """Remove all of them; they must be empty."""
        for root, leaf in self._links:
            self._irods.resources.remove_child(root, leaf)
        for name in self._names:
            self._irods.resources.remove(name)


def default_resource(irods: iRODSSession) -> str:
    """The default resource of the client environment."""
    return str(irods.default_resource)


def handler(operation: str, *, resource: str | None = None, more: str = "") -> str:
    """The body of a handler class with this operation, and perhaps a target resource."""
    body = f"@staticmethod\ndef operation(session, meta, **options):\n    return Operation.{operation}\n"
    if resource is not None:
        body += f"@staticmethod\ndef to_resource(session, meta, **options):\n    return {resource!r}\n"
    return body + more


def hooks(log: Path, *names: str) -> str:
    """Hooks that write `name target` to a log, one line per call."""
    body = ""
    for name in names:
        meta = "meta" if name.endswith("_job") else "session, meta, *args"
        body += (
            f"@staticmethod\ndef {name}(module, logger, {meta}, **options):\n"
            f"    with open({str(log)!r}, 'a') as out:\n"
            f"        out.write(f\"{name} {{meta['target']}}\\n\")\n"
        )
    return body


def gated(directory: Path, calls: int) -> str:
    """A hook that lets so many files pass, then nobody until `directory/released` is there."""
    return (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
        "    import os, time\n"
        f"    with open({str(directory / 'passed')!r}, 'ab') as out:\n"
        "        out.write(b'x')\n        out.flush()\n"
        f"        while out.tell() > {calls} and not os.path.exists({str(directory / 'released')!r}):\n"
        "            time.sleep(0.05)\n"
    )


def logged(log: Path, target: str) -> list[str]:
    """The lines of such a log, sorted, with targets relative to `target`."""
    lines = log.read_text().splitlines() if log.exists() else []
    return sorted(line.replace(f"{target}/", "") for line in lines)


def wait_until(condition: Callable[[], bool], alive: Callable[[], bool] = lambda: True, seconds: float = 60.0) -> None:
    """Return when the condition holds. Fails if what is to bring it about is not alive, or after so many seconds."""
    begun = time.monotonic()
    end = begun + seconds
    while not condition():
        assert alive(), "it ended before that"
        asked = time.monotonic()
        assert asked < end, "it never came to that"
        time.sleep(max(0.02, asked - begun))  # what is waited for needs the processor as well
        begun = time.monotonic()


def running(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for each in os.listdir("/proc"):
        if each.isdigit():
            try:
                with open(f"/proc/{each}/stat") as file:
                    if int(file.read().rpartition(")")[2].split()[1]) == pid:
                        found.append(int(each))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def deleting(mode: str) -> str:
    """The answer of a handler class that deletes in this way."""
    return f"@staticmethod\ndef delete_mode(meta):\n    return DeleteMode.{mode}\n"
