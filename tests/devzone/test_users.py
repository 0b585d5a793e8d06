"""Users, groups, passwords and permissions: cases that are not recorded."""

import pytest
from irods.access import iRODSAccess
from irods.exception import (
    CAT_INVALID_AUTHENTICATION,
    CAT_INVALID_USER_TYPE,
    CAT_NO_ACCESS_PERMISSION,
    CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME,
    SYS_NO_API_PRIV,
    SYS_UNMATCHED_API_NUM,
)
from irods.message import FileOpenRequest, StringStringMap, iRODSMessage
from irods.session import iRODSSession

from tests.support.devzone_process import Zone


def make_user(session: iRODSSession, name: str, kind: str = "rodsuser") -> None:
    session.users.create(name, kind)
    session.users.modify(name, "password", name + "pass")


@pytest.mark.parametrize("password", ["abc", "with 'quotes' & <signs>", "x" * 24, "y" * 25, "z" * 42])
def test_password_is_set_by_the_administrator(session: iRODSSession, zone: Zone, password: str) -> None:
    """A user can log in with the password that an administrator set, whatever its length."""
    name = f"pw{len(password)}"
    session.users.create(name, "rodsuser")
    session.users.modify(name, "password", password)
    with zone.session(name, password) as other:
        assert other.collections.exists(f"/tempZone/home/{name}")


def test_user_changes_its_own_password(session: iRODSSession, zone: Zone) -> None:
    """After a user changed its password, only the new one is valid."""
    make_user(session, "dave")
    with zone.session("dave", "davepass") as other:
        other.users.modify_password("davepass", "another")
    with zone.session("dave", "another") as other:
        assert other.collections.exists("/tempZone/home/dave")
    with zone.session("dave", "davepass") as other, pytest.raises(CAT_INVALID_AUTHENTICATION):
        other.collections.exists("/tempZone/home/dave")


def test_user_without_a_password_cannot_log_in(session: iRODSSession, zone: Zone) -> None:
    """A new user has no password: the empty one is not valid."""
    session.users.create("nopass", "rodsuser")
    with zone.session("nopass", "") as other, pytest.raises(CAT_INVALID_AUTHENTICATION):
        other.collections.exists("/tempZone")


def test_users_are_made_once_and_of_known_types(session: iRODSSession) -> None:
    """A user name that exists and an unknown user type are errors."""
    session.users.create("erin", "rodsuser")
    with pytest.raises(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME):
        session.users.create("erin", "rodsuser")
    with pytest.raises(CAT_INVALID_USER_TYPE):
        session.users.create("frank", "wizard")


def test_plain_user_administers_nothing(session: iRODSSession, zone: Zone) -> None:
    """Only administrators can create users."""
    make_user(session, "grace")
    with zone.session("grace", "gracepass") as other, pytest.raises(SYS_NO_API_PRIV):
        other.users.create("heidi", "rodsuser")


def test_group_members_have_its_rights(session: iRODSSession, zone: Zone, home: str) -> None:
    """A group's permissions apply to its members, from joining the group until leaving it."""
    make_user(session, "ivan")
    session.groups.create("team")
    session.acls.set(iRODSAccess("write", home, "team", "tempZone"))
    with zone.session("ivan", "ivanpass") as other:
        assert not other.collections.exists(home)
        session.groups.addmember("team", "ivan")
        other.collections.create(f"{home}/made")
        session.groups.removemember("team", "ivan")
        assert not other.collections.exists(home)
    assert [user.name for user in session.groups.getmembers("team")] == []


def test_removed_user_has_no_rights(session: iRODSSession, home: str) -> None:
    """Removing a user removes its permissions and its empty home collection."""
    make_user(session, "judy")
    session.acls.set(iRODSAccess("read", home, "judy", "tempZone"))
    session.users.remove("judy")
    assert not session.collections.exists("/tempZone/home/judy")
    assert [access.user_name for access in session.acls.get(session.collections.get(home))] == ["rods"]


def test_plain_user_works_in_its_home(session: iRODSSession, zone: Zone) -> None:
    """A user can create, read and remove objects in its own home collection, but not in another's."""
    make_user(session, "mallory")
    with zone.session("mallory", "mallorypass") as other:
        path = "/tempZone/home/mallory/deep/er"
        other.collections.create(path)
        with other.data_objects.open(f"{path}/x", "w") as out:
            out.write(b"mine")
        other.data_objects.unlink(f"{path}/x")
        assert other.data_objects.exists("/tempZone/trash/home/mallory/deep/er/x")
        with pytest.raises(CAT_NO_ACCESS_PERMISSION):
            other.data_objects.open("/tempZone/home/rods/x", "w")


def test_removal_in_the_trash_is_for_good(session: iRODSSession, home: str) -> None:
    """An object or collection that is removed from the trash is deleted."""
    trash = home.replace("/home/", "/trash/home/", 1)
    session.collections.create(f"{home}/sub")
    session.data_objects.register("/none", f"{home}/sub/x", dataSize="1")
    session.collections.remove(f"{home}/sub")
    assert session.data_objects.exists(f"{trash}/sub/x")
    session.data_objects.unlink(f"{trash}/sub/x")
    assert not session.data_objects.exists(f"{trash}/sub/x")
    session.collections.remove(f"{trash}/sub")
    assert not session.collections.exists(f"{trash}/sub")


def test_unsupported_call_is_an_error_and_the_connection_stays(session: iRODSSession) -> None:
    """An iRODS call that the zone does not support is an error, never a success."""
    message = FileOpenRequest(objPath="/x", createMode=0, openFlags=0, offset=0, dataSize=0, numThreads=0, oprType=0,
                              KeyValPair_PI=StringStringMap({}))  # fmt: skip
    with session.pool.get_connection() as connection:
        connection.send(iRODSMessage("RODS_API_REQ", msg=message, int_info=628))
        with pytest.raises(SYS_UNMATCHED_API_NUM):
            connection.recv()
    assert session.collections.exists("/tempZone")


def test_call_before_login_is_refused(zone: Zone) -> None:
    """Before login, all calls except those for login are errors."""
    from irods.connection import Connection

    with zone.session() as session, session.clone().pool.no_auto_authenticate() as pool:
        connection = Connection(pool, pool.account)
        connection.send(iRODSMessage("RODS_API_REQ", int_info=700))
        with pytest.raises(SYS_NO_API_PRIV):
            connection.recv()
        connection.disconnect()
