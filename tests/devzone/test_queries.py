"""Queries that are not recorded: query plans that scale, joins, and the limits of the query languages."""

import sqlite3
from pathlib import Path

import pytest
from irods.column import In, Like
from irods.exception import CAT_FAILED_TO_LINK_TABLES, CAT_UNKNOWN_SPECIFIC_QUERY, SYS_LIBRARY_ERROR
from irods.meta import iRODSMeta
from irods.models import Collection, CollectionMeta, DataObject, DataObjectMeta, Resource, User, UserMeta, Zone
from irods.session import iRODSSession

from devzone.query.columns import BY_NUMBER
from devzone.query.conditions import Binds, compile_condition
from devzone.query.sqlbuild import Select
from devzone.server.bootstrap import open_catalog
from devzone.session import User as CatalogUser

ADMIN = CatalogUser(1, "rods", "tempZone", "rodsadmin", (1,))
PLAIN = CatalogUser(2, "alice", "tempZone", "rodsuser", (2, 3))


def plan(db: sqlite3.Connection, columns: list[int], conditions: list[tuple[int, str]], user: CatalogUser) -> str:
    """SQLite's plan for a query."""
    select, binds = Select(), Binds()
    select.expressions = [select.expression(BY_NUMBER[number]) for number in columns]
    for number, text in conditions:
        column = BY_NUMBER[number]
        select.conditions.append(compile_condition(column, select.expression(column), text, binds))
    rows = db.execute("explain query plan " + select.sql(user), binds.final([]))
    return "; ".join(row[3] for row in rows)


@pytest.mark.parametrize("user", [ADMIN, PLAIN])
@pytest.mark.parametrize(
    ("columns", "conditions"),
    [
        ([500], [(501, "= '/z/a'")]),
        ([403, 407, 420], [(501, "= '/z/a'")]),
        ([403, 407], [(501, "= '/z/a'"), (403, "= 'x'")]),
        ([501, 403], [(501, "like '/z/a/%'")]),
        ([501, 403], [(410, "= '/data/x'")]),
        ([501, 403], [(410, "like '/data/%'")]),
        ([403, 409, 422], [(501, "= '/z/a'")]),
        ([600, 601, 602], [(501, "= '/z/a'"), (403, "= 'x'")]),
        ([501, 403], [(600, "= 'k'"), (601, "= 'v'")]),
        ([403, 601], [(501, "= '/z/a'"), (600, "= 'k'")]),
        ([501], [(502, "= '/z/a'")]),
        ([700, 703], [(501, "= '/z/a'"), (403, "= 'x'")]),
    ],
)
def test_frequent_queries_use_indexes(
    tmp_path: Path, columns: list[int], conditions: list[tuple[int, str]], user: CatalogUser
) -> None:
    """No frequent query scans a whole table of objects, collections or AVUs."""
    catalog = open_catalog(tmp_path, "localhost")
    found = plan(catalog.connect(), columns, conditions, user)
    scanned = [step for step in found.split("; ") if step.startswith("SCAN") and "t_resc" not in step]
    assert not scanned, found


def test_case_sensitive_like_at_the_edges_of_the_range(session: iRODSSession, home: str) -> None:
    """ "like" finds names with any character after the fixed start, and is case-sensitive."""
    names = ["abc", "abc\u00fc", "abc\U0001f600", "abC", "ab"]
    for name in names:
        session.collections.create(f"{home}/{name}")
    query = session.query(Collection.name).filter(Like(Collection.name, f"{home}/abc%"))
    found = sorted(row[Collection.name].rsplit("/", 1)[1] for row in query)
    assert found == sorted(["abc", "abc\u00fc", "abc\U0001f600"])


def test_many_values_in_one_list(session: iRODSSession, home: str) -> None:
    """One query can have a list of a thousand values."""
    session.data_objects.register("/none", f"{home}/f7", dataSize="1")
    names = [f"f{number}" for number in range(1000)]
    query = session.query(DataObject.name).filter(Collection.name == home, In(DataObject.name, names))
    assert [row[DataObject.name] for row in query] == ["f7"]


def test_metadata_of_objects_collections_users_and_resources(session: iRODSSession, home: str) -> None:
    """AVUs of the kinds of entities are stored and found separately."""
    session.data_objects.register("/none", f"{home}/x", dataSize="1")
    for model, name in ((DataObject, f"{home}/x"), (Collection, home), (User, "rods"), (Resource, "demoResc")):
        session.metadata.add(model, name, iRODSMeta("kind", model.__name__))
        found = [item.value for item in session.metadata.get(model, name) if item.name == "kind"]
        assert found == [model.__name__]
    query = session.query(User.name).filter(UserMeta.name == "kind")
    assert [row[User.name] for row in query] == ["rods"]


def test_conditions_on_two_attributes_with_their_values(session: iRODSSession, home: str) -> None:
    """With two pairs of conditions, the first name belongs to the first value and the second to the second."""
    for name, values in (("x", ("1", "2")), ("y", ("2", "1"))):
        session.collections.create(f"{home}/{name}")
        for key, value in zip("ab", values, strict=True):
            session.metadata.add(Collection, f"{home}/{name}", iRODSMeta(key, value))
    query = session.query(Collection.name).filter(
        CollectionMeta.name == "a", CollectionMeta.value == "1", CollectionMeta.name == "b",
        CollectionMeta.value == "2", Like(Collection.name, f"{home}/%"),
    )  # fmt: skip
    assert [row[Collection.name] for row in query] == [f"{home}/x"]


def test_tables_that_do_not_join_are_refused(session: iRODSSession) -> None:
    """Columns of unrelated tables cannot be selected together."""
    with pytest.raises(CAT_FAILED_TO_LINK_TABLES):
        list(session.query(Zone.name, DataObject.name))


def test_specific_queries_are_unknown(session: iRODSSession) -> None:
    """Every specific query is an error."""
    from irods.query import SpecificQuery

    with pytest.raises(CAT_UNKNOWN_SPECIFIC_QUERY):
        list(SpecificQuery(session, alias="ls"))


def test_plain_user_sees_its_own_metadata_only(session: iRODSSession, home: str, zone: object) -> None:
    """A query for AVUs does not return objects that the user may not read."""
    session.data_objects.register("/none", f"{home}/x", dataSize="1")
    session.metadata.add(DataObject, f"{home}/x", iRODSMeta("secret", "v"))
    session.users.create("carol", "rodsuser")
    session.users.modify("carol", "password", "carolpass")
    with zone.session("carol", "carolpass") as other:  # type: ignore[attr-defined]
        assert not list(other.query(DataObject.name).filter(DataObjectMeta.name == "secret"))
        assert not other.genquery2("select DATA_NAME where META_DATA_ATTR_NAME = 'secret'")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("select DATA_NAME {in_home} and (DATA_NAME = 'a' or DATA_SIZE > '2') order by DATA_NAME",
         [["a"], ["c"]]),
        ("select DATA_NAME {in_home} and DATA_NAME in ('a', 'b') order by DATA_NAME desc", [["b"], ["a"]]),
        ("select DATA_NAME {in_home} and DATA_SIZE between '2' and '3' order by DATA_SIZE", [["b"], ["c"]]),
        ("select DATA_NAME {in_home} and not DATA_NAME = 'a' order by DATA_NAME limit 1", [["b"]]),
        ("select DATA_NAME {in_home} and DATA_NAME not like 'a%' order by DATA_NAME offset 1", [["c"]]),
        ("select COLL_NAME, sum(DATA_SIZE) {in_home}", [["{home}", "6"]]),
        ("select count(DATA_ID), DATA_TYPE_NAME {in_home} group by DATA_TYPE_NAME", [["3", "generic"]]),
        ("select no distinct DATA_TYPE_NAME {in_home}", [["generic"]] * 3),
    ],
)  # fmt: skip
def test_genquery2(session: iRODSSession, text: str, rows: list[list[str]]) -> None:
    """GenQuery2 accepts its documented grammar."""
    home = "/tempZone/home/rods/genquery2"
    session.collections.create(home)
    for size, name in enumerate("abc", start=1):
        if not session.data_objects.exists(f"{home}/{name}"):
            session.data_objects.register("/none", f"{home}/{name}", dataSize=str(size))
    text = text.format(in_home=f"where COLL_NAME = '{home}'")
    assert session.genquery2(text) == [[value.format(home=home) for value in row] for row in rows]


@pytest.mark.parametrize("text", ["", "select DATA_NAME where", "select DATA_NAME; drop", "select DATA_NAME limit x",
                                  "select DATA_NAME where DATA_NAME = x", "select DATA_NAME DATA_ID"])  # fmt: skip
def test_genquery2_refuses_what_is_no_query(session: iRODSSession, text: str) -> None:
    """A text outside the grammar is an error."""
    with pytest.raises(SYS_LIBRARY_ERROR):
        session.genquery2(text)


def test_failed_query_spoils_the_next_one(session: iRODSSession, home: str) -> None:
    """As on the real server, the connection's next query binds the values of a failed one."""
    from irods.exception import CAT_INVALID_ARGUMENT

    for name in ("a", "b"):
        session.data_objects.register("/none", f"{home}/{name}", dataSize="1")

    def found(*conditions: object) -> list[str]:
        query = session.query(DataObject.name).filter(Collection.name == home, *conditions)
        return [row[DataObject.name] for row in query]

    with pytest.raises(CAT_INVALID_ARGUMENT):
        found(In(DataObject.name, []))
    assert found(DataObject.name == "a") == []
    assert found(DataObject.name == "a") == ["a"]
