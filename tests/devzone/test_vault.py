"""Existing files and directories at the path of a new object's file. The behaviour is that of the server's source."""

from pathlib import Path

import pytest
from irods.exception import iRODSException
from irods.session import iRODSSession

UNIX_FILE_CREATE_ERR, EEXIST = -511000, 17


def put(session: iRODSSession, path: str, content: bytes) -> None:
    with session.data_objects.open(path, "w") as out:
        out.write(content)


def folder_of(session: iRODSSession, collection: str) -> Path:
    """The directory in the vault for the objects of a collection."""
    put(session, f"{collection}/probe", b"")
    path = Path(session.data_objects.get(f"{collection}/probe").replicas[0].path)
    session.data_objects.unlink(f"{collection}/probe", force=True)
    return path.parent


def test_an_empty_folder_of_a_removed_collection_makes_way_for_an_object(session: iRODSSession, home: str) -> None:
    folder = folder_of(session, home)
    session.collections.create(f"{home}/name")
    put(session, f"{home}/name/x", b"old")
    session.data_objects.unlink(f"{home}/name/x", force=True)
    session.collections.remove(f"{home}/name", recurse=False, force=True)
    assert (folder / "name").is_dir()
    put(session, f"{home}/name", b"new")
    assert (folder / "name").read_bytes() == b"new"


def test_a_folder_with_folders_in_it_is_in_the_way(session: iRODSSession, home: str) -> None:
    folder = folder_of(session, home)
    session.collections.create(f"{home}/name/sub", recurse=True)
    put(session, f"{home}/name/sub/x", b"old")
    session.data_objects.unlink(f"{home}/name/sub/x", force=True)
    for name in ("name/sub", "name"):
        session.collections.remove(f"{home}/{name}", recurse=False, force=True)
    with pytest.raises(iRODSException) as caught:
        put(session, f"{home}/name", b"new")
    assert caught.value.code == UNIX_FILE_CREATE_ERR - EEXIST
    assert (folder / "name" / "sub").is_dir()
    assert not session.data_objects.exists(f"{home}/name")


def test_a_file_that_no_object_has_is_kept_among_the_orphans(session: iRODSSession, home: str) -> None:
    folder = folder_of(session, home)
    put(session, f"{home}/name", b"old")
    session.data_objects.unregister(f"{home}/name")
    put(session, f"{home}/name", b"new")
    assert (folder / "name").read_bytes() == b"new"
    vault = Path(session.resources.get("demoResc").vault_path)
    (orphan,) = (vault / "orphan" / folder.relative_to(vault)).glob("name.*")
    assert orphan.read_bytes() == b"old"
