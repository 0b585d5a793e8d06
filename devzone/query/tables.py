"""GenQueryOut_PI, the protocol's table of texts: read from requests, and written as the answer to a query."""

from collections.abc import Sequence

from devzone.errors import SYS_PACK_INSTRUCT_FORMAT_ERR, USER_PACKSTRUCT_INPUT_ERR, IrodsError
from devzone.wire import Node, escape

MAX_COLUMNS = 50


def columns_of(table: Node) -> dict[int, list[str]]:
    """The columns of a table from a client, by attribute number.

    The packing instruction has a fixed array of 50 columns. A value longer than its column's width is an error.
    """
    found = table.fields.get("SqlResult_PI", [])
    if len(found) != MAX_COLUMNS:
        raise IrodsError(SYS_PACK_INSTRUCT_FORMAT_ERR)
    columns = {}
    for column in found[: table.number("attriCnt")]:
        values, width = column.texts("value"), column.number("reslen")
        if any(len(value) >= width or len(value.encode()) >= width for value in values):
            raise IrodsError(USER_PACKSTRUCT_INPUT_ERR)
        columns[column.number("attriInx")] = values
    return columns


def table_body(numbers: Sequence[int], rows: Sequence[Sequence[object]], continues: int, total: int) -> str:
    """The answer to a query: column numbers, rows, number of the open query (0 if none), and total row count."""
    parts = [
        f"<GenQueryOut_PI><rowCnt>{len(rows)}</rowCnt><attriCnt>{len(numbers)}</attriCnt>"
        f"<continueInx>{continues}</continueInx><totalRowCount>{total}</totalRowCount>"
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(numbers)
    for number, values in zip(numbers, columns, strict=True):
        joined = "</value><value>".join([escape(value) if isinstance(value, str) else _text(value) for value in values])
        inner = f"<value>{joined}</value>" if values else ""
        parts.append(f"<SqlResult_PI><attriInx>{number}</attriInx><reslen>1088</reslen>{inner}</SqlResult_PI>")
    parts.append("</GenQueryOut_PI>")
    return "".join(parts)


def _text(value: object) -> str:
    return "" if value is None else str(value)
