"""What the catalog has, and what it ought to have."""

from pathlib import Path

from irods.column import Like
from irods.models import Collection, DataObject
from irods.session import iRODSSession

Rows = dict[str, tuple[int, int, str]]


def catalog(irods: iRODSSession, target: str) -> Rows:
    """Logical path below the target → size, mtime, physical path of every replica row."""
    columns = (Collection.name, DataObject.name, DataObject.size, DataObject.modify_time, DataObject.path)
    rows: Rows = {}
    for condition in (Collection.name == target, Like(Collection.name, f"{target}/%")):
        for row in irods.query(*columns).filter(condition):
            path = f"{row[Collection.name]}/{row[DataObject.name]}"
            assert path not in rows, f"{path} has two rows"
            mtime = int(row[DataObject.modify_time].timestamp())
            rows[path] = (row[DataObject.size], mtime, row[DataObject.path])
    return rows


def tree(source: Path, target: str) -> Rows:
    """What `catalog` must give for a source that was registered."""
    return {
        f"{target}/{file.relative_to(source)}": (file.stat().st_size, file.stat().st_mtime_ns // 10**9, str(file))
        for file in source.rglob("*")
        if file.is_file()
    }
