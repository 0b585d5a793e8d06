"""GenQuery (702), GenQuery2 (10221) and specific queries (722)."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from irods.api_number import api_number

from devzone.errors import (
    CAT_NO_ROWS_FOUND,
    CAT_SQL_ERR,
    CAT_STATEMENT_TABLE_FULL,
    CAT_UNKNOWN_SPECIFIC_QUERY,
    CAT_UNKNOWN_TABLE,
    IrodsError,
)
from devzone.query import genquery2
from devzone.query.columns import BY_NUMBER, METADATA, Column
from devzone.query.conditions import Binds, compile_condition
from devzone.query.sqlbuild import Select
from devzone.query.tables import table_body
from devzone.session import Handler, Reply, Request, Session
from devzone.wire import Node, element

TOTAL_COUNT, NO_DISTINCT, AUTO_CLOSE, UPPER_CASE = 0x20, 0x40, 0x100, 0x200
ORDER, ORDER_DESC = 0x400, 0x800
AGGREGATES = {2: "min", 3: "max", 4: "sum", 5: "avg", 6: "count"}
AVERAGE = "case when count({0}) = 0 then '' else printf('%.16f', avg({0})) end"  # the format of PostgreSQL's numeric
MAX_OPEN_QUERIES = 49  # recorded (query.many_open): the fiftieth open query of a connection fails


def _query(session: Session, request: Request) -> Reply:
    """Return the first or the next page of a query."""
    node = request.node
    limit, continues = node.number("maxRows"), node.number("continueInx")
    selected = _pairs(node.child("InxIvalPair_PI"), "ivalue")
    numbers = [number for number, _ in selected]
    if continues > 0:
        cursor = session.queries.pop(continues, None)
        if cursor is None or limit <= 0:
            close(session, cursor)
            return Reply(0, table_body([], [], 0, 0))
        return _page(session, cursor, numbers, limit, node.number("options"), 0)
    select, binds = _compile(session, node, selected)
    cursor, total = _run(session, select, binds, node.number("options"))
    if limit <= 0:
        close(session, cursor)
        return Reply(0, table_body([], [], 0, total))
    return _page(session, cursor, numbers, limit, node.number("options"), total)


def close(session: Session, cursor: sqlite3.Cursor | None) -> None:
    """Close a query, and return its catalog connection for use by others."""
    if cursor is not None:
        cursor.close()
        session.zone.catalog.give_back(cursor.connection)


def _pairs(node: Node, value: str) -> list[tuple[int, str]]:
    """The pairs of an InxIvalPair_PI or InxValPair_PI, in order."""
    return [(int(number), text) for number, text in zip(node.texts("inx"), node.texts(value), strict=False)]


def _column(number: int) -> Column:
    if number not in BY_NUMBER:
        raise IrodsError(CAT_UNKNOWN_TABLE)
    return BY_NUMBER[number]


def _compile(session: Session, node: Node, selected: Sequence[tuple[int, str]]) -> tuple[Select, Binds]:
    """The SQL statement of a request, and the values to bind."""
    if not selected:
        raise IrodsError(CAT_SQL_ERR)
    options, select, binds = node.number("options"), Select(), Binds()
    select.distinct = not options & NO_DISTINCT
    select.offset = max(0, node.number("partialStartIndex"))
    for number, flags in selected:
        _add_column(select, _column(number), int(flags))
    if len(select.group) == len(select.expressions):
        select.group.clear()
    occurrences: dict[int, int] = {}
    try:
        for number, text in _pairs(node.child("InxValPair_PI"), "svalue"):
            column = _column(number)
            occurrences[number] = occurrences.get(number, 0) + 1
            alias = f"x{occurrences[number]}" if column.table in METADATA and occurrences[number] > 1 else ""
            expression = select.expression(column, f"{alias}_{column.table}" if alias else "")
            select.conditions.append(compile_condition(column, expression, text, binds, bool(options & UPPER_CASE)))
    except IrodsError as problem:
        _keep_binds(session, binds, executed=problem.code == CAT_SQL_ERR)
        raise
    return select, binds


def _keep_binds(session: Session, binds: Binds, executed: bool) -> None:
    """Keep the values of a query that failed before it was executed: the next query binds them (see ``Binds``)."""
    session.stale_binds = [] if executed else session.stale_binds + binds.values


def _add_column(select: Select, column: Column, flags: int) -> None:
    """Add a selected column; ``flags`` may request an aggregate or an order."""
    expression = select.expression(column)
    function = AGGREGATES.get(flags & 0xF)
    if function == "avg":
        expression = AVERAGE.format(expression)
    elif function:
        expression = f"{function}({expression})"
    else:
        select.group.append(expression)
    select.expressions.append(expression)
    if flags & ORDER_DESC:
        select.order.append(f"{len(select.expressions)} desc")
    elif flags & ORDER:
        select.order.append(f"{len(select.expressions)}")


def _run(session: Session, select: Select, binds: Binds, options: int) -> tuple[sqlite3.Cursor, int]:
    """Execute a query; returns its cursor and the total number of rows (0 if the options do not request it).

    The query has its own catalog connection. Its pages show the state of the catalog at the first page; the session's
    other calls must see the current state.
    """
    if len(session.queries) >= MAX_OPEN_QUERIES:
        raise IrodsError(CAT_STATEMENT_TABLE_FULL)
    try:
        sql = select.sql(session.user)
    except IrodsError:
        _keep_binds(session, binds, executed=False)
        raise
    stale, session.stale_binds = session.stale_binds, []
    values = binds.final(stale)
    total = 0
    if options & TOTAL_COUNT:
        (total,) = session.db.execute(f"select count(*) from ({sql})", values).fetchone()  # noqa: S608
    cursor = session.zone.catalog.connect().cursor()
    try:
        return cursor.execute(sql, values), total
    except sqlite3.Error:
        close(session, cursor)
        raise


def _page(session: Session, cursor: sqlite3.Cursor, numbers: list[int], limit: int, options: int, total: int) -> Reply:
    """Return one page. After a full page the query stays open even if there are no more rows, as on a real server."""
    rows = cursor.fetchmany(limit)
    if not rows:
        close(session, cursor)
        raise IrodsError(CAT_NO_ROWS_FOUND)
    continues = 0
    if len(rows) < limit or options & AUTO_CLOSE:
        close(session, cursor)
    else:
        continues = next(number for number in range(1, MAX_OPEN_QUERIES + 2) if number not in session.queries)
        session.queries[continues] = cursor
    return Reply(0, table_body(numbers, rows, continues, total))


def _query2(session: Session, request: Request) -> Reply:
    """Return a JSON array of rows, or the SQL, or the columns (recorded: query.genquery2)."""
    node = request.node
    if node.number("column_mappings"):
        return _json(genquery2.column_mappings())
    sql, values = genquery2.compile_query(node.text("query_string"), session.user)
    if node.number("sql_only"):
        return Reply(0, element("STR_PI", {"myStr": sql}))
    rows = session.db.execute(sql, values).fetchall()
    return _json([["" if value is None else str(value) for value in row] for row in rows])


def _json(value: Any) -> Reply:
    return Reply(0, element("STR_PI", {"myStr": json.dumps(value, ensure_ascii=False)}))


def _specific_query(session: Session, request: Request) -> Reply:  # noqa: ARG001 - the zone has none
    """Raise CAT_UNKNOWN_SPECIFIC_QUERY: the zone has no specific queries."""
    raise IrodsError(CAT_UNKNOWN_SPECIFIC_QUERY)


HANDLERS: dict[int, Handler] = {
    api_number["GEN_QUERY_AN"]: _query,
    api_number["GENQUERY2_AN"]: _query2,
    api_number["SPECIFIC_QUERY_AN"]: _specific_query,
}
