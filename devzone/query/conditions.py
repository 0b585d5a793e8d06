"""Conditions of GenQuery: ``= 'x'``, ``like 'a%' || = 'b'``, ``between '1' '2'``, ``in ('a','b')``.

They are parsed as the server does it (recorded: query.operators_raw, query.quotes): the value of an operator is all
text between the first and the last quote; in lists, quotes pair up from left to right.
"""

import re

from devzone.errors import CAT_INVALID_ARGUMENT, CAT_SQL_ERR, IrodsError
from devzone.query.columns import Column

_OPERATORS = re.compile(
    r"\s*(not\s+like|like|between|not\s+in|in|begin_of|parent_of|n>=|n<=|n<>|n!=|n=|n>|n<|<=|>=|<>|!=|=|<|>)\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"'([^']*)'")
_NUMBER = re.compile(r"\s*[+-]?\d+\s*")
_WILD = re.compile(r"[%_\\]")
HIGHEST = "\U0010ffff"
_LOW, _HIGH = 1, 2


class Binds:
    """The values to bind in one statement's conditions, in order.

    If a query fails while the server parses its conditions, the values parsed so far remain, and the server binds them
    first in the connection's next query (recorded: query.operators_raw, ``<> 'a.txt'``).
    """

    def __init__(self) -> None:
        self.values: list[str] = []
        self._numeric: list[bool] = []
        self._slots: list[tuple[int, int]] = []

    def add(self, value: str, numeric: bool = False) -> str:
        """Add a value; returns its placeholder."""
        self._slots.append((len(self.values), 0))
        self.values.append(value)
        self._numeric.append(numeric)
        return "?"

    def add_range(self) -> None:
        """Add two placeholders: the bounds of the texts that can match the pattern added last."""
        self._slots += [(len(self.values) - 1, _LOW), (len(self.values) - 1, _HIGH)]

    def final(self, stale: list[str]) -> list[str | int]:
        """The values to bind, after the ``stale`` ones of failed queries; CAT_SQL_ERR if a numeric one is no number."""
        merged = (stale + self.values)[: len(self.values)]
        return [self._bound(merged[index], index, kind) for index, kind in self._slots]

    def _bound(self, value: str, index: int, kind: int) -> str | int:
        if kind:
            return fixed_start(value) + (HIGHEST if kind == _HIGH else "")
        if not self._numeric[index]:
            return value
        if not _NUMBER.fullmatch(value) or abs(int(value)) >= 2**63:
            raise IrodsError(CAT_SQL_ERR)
        return int(value)


def fixed_start(pattern: str) -> str:
    """The part of a LIKE pattern before its first wildcard."""
    wild = _WILD.search(pattern)
    return pattern[: wild.start()] if wild else pattern


def compile_condition(column: Column, expression: str, text: str, binds: Binds, upper: bool = False) -> str:
    """Translate one condition to SQL, and add its values to ``binds``."""
    parts, joints = _split(text)
    found = [_single(column, expression, part, binds, upper) for part in parts]
    if len(found) == 1:
        return found[0]
    joined = found[0]
    for joint, part in zip(joints, found[1:], strict=True):
        joined += (" or " if joint == "||" else " and ") + part
    return f"({joined})"


def _split(text: str) -> tuple[list[str], list[str]]:
    """The parts of a compound condition, and the operators (|| or &&) between them. Quoted ones are part of a value."""
    parts, joints, start, quoted = [], [], 0, False
    for position, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted and position >= start and text[position : position + 2] in ("||", "&&"):
            parts.append(text[start:position])
            joints.append(text[position : position + 2])
            start = position + 2
    return [*parts, text[start:]], joints


def _single(column: Column, expression: str, text: str, binds: Binds, upper: bool) -> str:
    found = _OPERATORS.match(text)
    if found is None:
        raise IrodsError(CAT_SQL_ERR if text.strip().startswith("'") else CAT_INVALID_ARGUMENT)
    operator, rest = " ".join(found[1].lower().split()), found[2]
    if upper and not column.numeric:
        expression = f"upper({expression})"
    if operator in ("in", "not in", "between"):
        return _list(column, expression, operator, _QUOTED.findall(rest), binds)
    first, last = rest.find("'"), rest.rfind("'")
    if first < 0 or first == last:
        raise IrodsError(CAT_INVALID_ARGUMENT)
    return _compare(column, expression, operator, rest[first + 1 : last], binds)


def _list(column: Column, expression: str, operator: str, values: list[str], binds: Binds) -> str:
    if not values or (operator == "between" and len(values) != 2):
        raise IrodsError(CAT_INVALID_ARGUMENT)
    marks = [binds.add(value, column.numeric) for value in values]
    if operator == "between":
        return f"{expression} between ? and ?"
    return f"{expression} {operator} ({', '.join(marks)})"


def _compare(column: Column, expression: str, operator: str, value: str, binds: Binds) -> str:
    if operator in ("begin_of", "parent_of"):
        return f"substr({binds.add(value)}, 1, length({expression})) = {expression}"
    if operator in ("like", "not like"):
        return like(expression, operator, value, binds)
    if operator.startswith("n"):
        return f"cast({expression} as integer) {operator[1:]} {binds.add(value, numeric=True)}"
    return f"{expression} {operator} {binds.add(value, column.numeric)}"


def like(expression: str, operator: str, value: str, binds: Binds) -> str:
    """LIKE with a backslash as escape character. A range for the fixed start is added, because it can use an index."""
    condition = f"{expression} {operator} {binds.add(value)} escape '\\'"
    if operator == "like" and fixed_start(value) and not expression.startswith("upper"):
        binds.add_range()
        return f"({condition} and {expression} >= ? and {expression} <= ?)"
    return condition
