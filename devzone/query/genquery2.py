"""GenQuery2: the query language ``select A, B where C = 'x' order by D limit 2``, translated to SQL.

Grammar (from the iRODS documentation): ``select [no distinct] columns [where conditions]
[group by columns] [order by column [asc|desc], ...] [limit n | fetch first n rows only] [offset n]``; functions
count, sum, avg, min, max; conditions with and, or, not, parentheses, comparisons, like, in, between, is [not] null.
"""

import re

from devzone.errors import SYS_INVALID_INPUT_PARAM, SYS_LIBRARY_ERROR, IrodsError
from devzone.query.columns import BY_NAME, Column
from devzone.query.conditions import Binds, like
from devzone.query.sqlbuild import Select
from devzone.session import User

DEFAULT_LIMIT = 256
FUNCTIONS = {"count", "sum", "avg", "min", "max"}
COMPARISONS = {"=", "!=", "<>", "<", "<=", ">", ">="}
_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(\d+)|(\w+)|(<=|>=|<>|!=|[=<>(),*]))")


def compile_query(text: str, user: User) -> tuple[str, list[str | int]]:
    """Translate a query; returns the SQL and the values to bind. Raises SYS_LIBRARY_ERROR if ``text`` is no query."""
    return _Parser(text).parse(user)


def column_mappings() -> dict[str, dict[str, str]]:
    """The names of all columns, with their tables and columns in the catalog."""
    return {name: {"R_" + column.table.upper(): column.expression.format(t=column.table)} for name, column in
            BY_NAME.items()}  # fmt: skip


class _Parser:
    """Parses one query from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._position = 0
        self._select = Select()
        self._binds = Binds()

    def parse(self, user: User) -> tuple[str, list[str | int]]:
        self._need("select")
        if self._word("no"):
            self._need("distinct")
            self._select.distinct = False
        else:
            self._word("distinct")
        grouped = self._columns()
        if self._word("where"):
            self._select.conditions.append(self._either())
        self._tail(grouped)
        if self._peek():
            raise IrodsError(SYS_LIBRARY_ERROR)
        return self._select.sql(user), self._binds.final([])

    def _columns(self) -> bool:
        """Parse the selected columns; returns whether one of them is a function."""
        grouped, plain = False, []
        while True:
            expression, is_function = self._selected()
            self._select.expressions.append(expression)
            grouped |= is_function
            if not is_function:
                plain.append(expression)
            if not self._word(","):
                break
        if grouped:
            self._select.group = plain
        return grouped

    def _selected(self) -> tuple[str, bool]:
        name = self._next()
        if name.lower() in FUNCTIONS and self._word("("):
            inner = self._column(self._next())[1]
            self._need(")")
            return f"{name.lower()}({inner})", True
        return self._column(name)[1], False

    def _column(self, name: str) -> tuple[Column, str]:
        if not re.fullmatch(r"[A-Za-z]\w*", name):
            raise IrodsError(SYS_LIBRARY_ERROR)
        column = BY_NAME.get(name.upper())
        if column is None:
            raise IrodsError(SYS_INVALID_INPUT_PARAM, name)
        return column, self._select.expression(column)

    def _either(self) -> str:
        found = self._both()
        while self._word("or"):
            found = f"({found} or {self._both()})"
        return found

    def _both(self) -> str:
        found = self._one()
        while self._word("and"):
            found = f"({found} and {self._one()})"
        return found

    def _one(self) -> str:
        if self._word("not"):
            return f"not ({self._one()})"
        if self._word("("):
            found = self._either()
            self._need(")")
            return found
        return self._comparison()

    def _comparison(self) -> str:
        column, expression = self._column(self._next())
        negated = "not " if self._word("not") else ""
        operator = self._next().lower()
        if operator == "like":
            return like(expression, negated + "like", self._text(), self._binds)
        if operator == "between":
            low = self._binds.add(self._text(), column.numeric)
            self._need("and")
            return f"{expression} {negated}between {low} and {self._binds.add(self._text(), column.numeric)}"
        if operator == "in":
            return f"{expression} {negated}in ({self._list(column)})"
        if operator == "is":
            return f"{expression} is {'not ' if self._word('not') else ''}{self._need('null')}"
        if operator not in COMPARISONS or negated:
            raise IrodsError(SYS_LIBRARY_ERROR)
        return f"{expression} {operator} {self._binds.add(self._text(), column.numeric)}"

    def _list(self, column: Column) -> str:
        self._need("(")
        marks = [self._binds.add(self._text(), column.numeric)]
        while self._word(","):
            marks.append(self._binds.add(self._text(), column.numeric))
        self._need(")")
        return ", ".join(marks)

    def _tail(self, grouped: bool) -> None:
        """Parse the clauses after the conditions, in any order."""
        select = self._select
        select.limit = DEFAULT_LIMIT
        while self._peek():
            if self._word("group"):
                self._need("by")
                select.group = self._names()
            elif self._word("order"):
                self._need("by")
                select.order = self._names(order=True)
            elif self._word("limit"):
                select.limit = self._number()
            elif self._word("offset"):
                select.offset = self._number()
            elif self._word("fetch"):
                self._need("first")
                select.limit = self._number()
                self._need("rows")
                self._need("only")
            else:
                return
        # Standard SQL allows only selected columns in the "order by" of a "select distinct"; SQLite allows all.
        select.distinct = select.distinct and not grouped

    def _names(self, order: bool = False) -> list[str]:
        found = []
        while True:
            expression = self._selected()[0]
            if order and self._word("desc"):
                expression += " desc"
            elif order:
                self._word("asc")
            found.append(expression)
            if not self._word(","):
                return found

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        found = self._peek()
        if not found:
            raise IrodsError(SYS_LIBRARY_ERROR)
        self._position += 1
        return found

    def _word(self, wanted: str) -> bool:
        if self._peek().lower() != wanted:
            return False
        self._position += 1
        return True

    def _need(self, wanted: str) -> str:
        if not self._word(wanted):
            raise IrodsError(SYS_LIBRARY_ERROR)
        return wanted

    def _text(self) -> str:
        found = self._next()
        if not found.startswith("'"):
            raise IrodsError(SYS_LIBRARY_ERROR)
        return found[1:-1].replace("''", "'")

    def _number(self) -> int:
        found = self._next()
        if not found.isdigit():
            raise IrodsError(SYS_LIBRARY_ERROR)
        return int(found)


def _tokens(text: str) -> list[str]:
    found, position, text = [], 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise IrodsError(SYS_LIBRARY_ERROR)
        found.append(next(group for group in match.groups() if group is not None))
        position = match.end()
    return found
