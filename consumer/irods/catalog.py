"""Queries of the catalog: the content of a collection, and what a logical path is."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, NamedTuple

from irods.exception import CAT_NO_ROWS_FOUND, iRODSException
from irods.message import GenQueryRequest, IntegerIntegerMap, IntegerStringMap, StringStringMap
from irods.models import Collection, DataObject, Zone
from irods.session import iRODSSession

from consumer.irods.requests import call
from ingest.messages import COLLECTION, Catalog, Replica

PAGE = 500
"""Rows of one answer."""

_NAME = DataObject.name.icat_id
_COLUMNS = tuple(
    column.icat_id
    for column in (
        DataObject.name,
        DataObject.replica_number,
        DataObject.resc_hier,
        DataObject.path,
        DataObject.size,
        DataObject.modify_time,
        DataObject.replica_status,
        DataObject.checksum,
    )
)
_COLLECTION_ID = Collection.id.icat_id
_COLLECTION_NAME = Collection.name.icat_id
_PARENT_NAME = Collection.parent_name.icat_id

_WILD = re.compile(r"[%_\\]")
_COLUMN = re.compile(rb"<attriInx>(\d+)</attriInx>")
_VALUE = re.compile(rb"<value>(.*?)</value>", re.DOTALL)
_CONTINUE = re.compile(rb"<continueInx>(\d+)</continueInx>")
_ENTITY = re.compile("&(lt|gt|amp|quot|apos);")
_CHARACTERS = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


def objects(session: iRODSSession, collection: str) -> Iterator[tuple[str, Replica]]:
    """Name and replica of every row in a collection; the rows of one object need not follow each other."""
    for row in _query(session, _COLUMNS, {_COLLECTION_NAME: collection}):
        yield row[0], _replica(row)


def subcollections(session: iRODSSession, collection: str) -> Iterator[str]:
    """Names (last elements) of the collections directly in a collection."""
    for (path,) in _query(session, (_COLLECTION_NAME,), {_PARENT_NAME: collection}):
        if path != collection:  # the root is its own parent
            yield path.rpartition("/")[2]


def collection_exists(session: iRODSSession, path: str) -> bool:
    """Whether a collection exists and the account may see it."""
    return next(_query(session, (_COLLECTION_NAME,), {_COLLECTION_NAME: path}), None) is not None


def collection_id(session: iRODSSession, path: str) -> str | None:
    """The id of a collection in the catalog of its zone, which no other collection ever gets; None if it is absent."""
    found = next(_query(session, (_COLLECTION_ID,), {_COLLECTION_NAME: path}), None)
    return None if found is None else found[0]


def look_up(session: iRODSSession, path: str) -> Catalog:
    """The catalog's answer for one logical path: its replicas (none: absent) or a collection."""
    parent, _, name = path.rpartition("/")
    replicas = [_replica(row) for row in _query(session, _COLUMNS, {_COLLECTION_NAME: parent, _NAME: name})]
    if replicas:
        return replicas
    return COLLECTION if collection_exists(session, path) else []


def obstacle(session: iRODSSession, target: str) -> str | None:
    """Why a logical path cannot become a collection: its zone is unknown, or a data object is in its place.

    None: it is a collection, or nothing is known against it. One query in the first case.
    """
    path = target
    while path:
        if collection_exists(session, path):
            return None
        parent, _, name = path.rpartition("/")
        if next(_query(session, (_NAME,), {_COLLECTION_NAME: parent, _NAME: name}), None) is not None:
            return "it is a data object" if path == target else f"{path} is a data object"
        path = parent
    zone = target.split("/")[1]
    known = next(_query(session, (Zone.name.icat_id,), {Zone.name.icat_id: zone}), None)
    return None if known is not None else f"there is no zone {zone}"


def _replica(row: list[str]) -> Replica:
    _, number, hierarchy, path, size, mtime, status, checksum = row
    return Replica(int(number), hierarchy, path, int(size), int(mtime), status, checksum)


def _query(session: iRODSSession, columns: tuple[int, ...], conditions: dict[int, str]) -> Iterator[list[str]]:
    """Rows of the catalog whose columns have exactly these values.

    The language of conditions has no way to write a quote: `x' || like '%` would be a condition of its own. A value
    with a quote is asked for with a pattern, and the rows that match the pattern only are dropped here.
    """
    if not any("'" in value for value in conditions.values()):
        yield from _pages(session, columns, {column: f"= '{value}'" for column, value in conditions.items()})
        return
    asked = tuple(dict.fromkeys((*columns, *conditions)))
    patterns = {column: f"like '{_pattern(value)}'" for column, value in conditions.items()}
    with closing(_pages(session, asked, patterns)) as rows:
        for row in rows:
            found = dict(zip(asked, row, strict=True))
            if all(found[column] == value for column, value in conditions.items()):
                yield [found[column] for column in columns]


def _pattern(value: str) -> str:
    """A pattern of LIKE that matches the value, and contains no quote: `_` matches any one character."""
    return _WILD.sub(r"\\\g<0>", value).replace("'", "_")


def _pages(
    session: iRODSSession, columns: tuple[int, ...], conditions: dict[int, str]
) -> Generator[list[str], None, None]:
    """Rows of a GenQuery (702), page by page. A query that is not read to its end is closed on the server."""
    index = 0
    try:
        while True:
            try:
                answer = call(session, "GEN_QUERY_AN", _request(columns, conditions, index, PAGE)).msg
            except CAT_NO_ROWS_FOUND:
                index = 0
                return
            except iRODSException:
                # A real server binds the values of a refused query to the next one on the same connection.
                session.cleanup()
                raise
            found = _CONTINUE.search(answer)
            index = int(found[1]) if found else 0
            yield from _rows(answer, columns)
            if not index:
                return
    finally:
        if index:
            call(session, "GEN_QUERY_AN", _request(columns, conditions, index, 0))


def _request(columns: tuple[int, ...], conditions: dict[int, str], index: int, rows: int) -> GenQueryRequest:
    return GenQueryRequest(
        maxRows=rows,
        continueInx=index,
        partialStartIndex=0,
        options=0,
        KeyValPair_PI=StringStringMap(),
        InxIvalPair_PI=IntegerIntegerMap(dict.fromkeys(columns, 1)),
        InxValPair_PI=IntegerStringMap(conditions),
    )


def _rows(answer: bytes, columns: tuple[int, ...]) -> Iterator[list[str]]:
    """The rows of a GenQueryOut_PI, which holds them column by column. Raises ValueError for other columns than asked.

    python-irodsclient's tolerant parser takes time in the square of the page's size, and its strict one fails on
    control characters. So this reads the answer itself.
    """
    blocks = answer.split(b"<SqlResult_PI>")[1 : len(columns) + 1]
    numbers = tuple(int(found[1]) for block in blocks if (found := _COLUMN.search(block)))
    if numbers != columns:
        raise ValueError(f"the server answered a query for the columns {columns} with {numbers}")
    values: list[list[str]] = [[_text(value) for value in _VALUE.findall(block)] for block in blocks]
    yield from map(list, zip(*values, strict=True))


def _text(value: bytes) -> str:
    text = value.decode("utf-8", "surrogateescape")
    return _ENTITY.sub(lambda match: _CHARACTERS[match[1]], text) if "&" in text else text


class Leaf(NamedTuple):
    """A storage resource: its name, and the number by which a bulk registration knows it."""

    name: str
    number: int


def only_leaf(session: iRODSSession, resource: str) -> Leaf | None:
    """The storage resource at or below `resource`, None when there are several to choose from."""
    found: Any = session.resources.get(resource)
    while found.children:
        if len(found.children) > 1:
            return None
        found = session.resources.get(found.children[0].name)
    return Leaf(str(found.name), int(found.id))


def is_rodsadmin(session: iRODSSession) -> bool:
    """Whether the account of a session is a rodsadmin."""
    return bool(session.users.get(session.username, session.zone).type == "rodsadmin")


def leaf_vault(session: iRODSSession, leaf: str) -> str:
    """The vault path of a storage resource."""
    resource: Any = session.resources.get(leaf)
    return str(resource.vault_path)
