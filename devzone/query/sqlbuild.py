"""Builds a SELECT from columns and conditions: the tables it needs, their joins, and what the user may see."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from devzone.catalog.levels import READ
from devzone.errors import CAT_FAILED_TO_LINK_TABLES, IrodsError
from devzone.query.columns import JOINS, METADATA, TABLES, Column
from devzone.session import User


@dataclass(slots=True)
class Select:
    """The parts of a SELECT. All texts are SQL from this package; values from clients are bound (see ``Binds``)."""

    expressions: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    group: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    distinct: bool = True
    tables: dict[str, str] = field(default_factory=dict)  # alias -> table name
    limit: int = -1
    offset: int = 0

    def expression(self, column: Column, alias: str = "") -> str:
        """The SQL of a column. Its table is added to the statement."""
        alias = alias or f"t_{column.table}"
        self.tables[alias] = column.table
        return column.expression.format(t=alias)

    def sql(self, user: User) -> str:
        """The statement. It returns only rows that the user may see."""
        conditions = [*_links(self.tables), *self.conditions, *_visible(self.tables, user)]
        parts = ["select distinct" if self.distinct else "select", ", ".join(self.expressions)]
        parts.append("from " + ", ".join(f"{TABLES[table]} {alias}" for alias, table in self.tables.items()))
        if conditions:
            parts.append("where " + " and ".join(conditions))
        if self.group:
            parts.append("group by " + ", ".join(self.group))
        if self.order:
            parts.append("order by " + ", ".join(self.order))
        if self.limit >= 0 or self.offset:
            parts.append(f"limit {self.limit} offset {self.offset}")
        return " ".join(parts)


def _links(tables: dict[str, str]) -> list[str]:
    """The join conditions for all tables of a statement. Tables that connect them are added."""
    conditions = []
    extra = {alias: table for alias, table in tables.items() if alias != f"t_{table}"}
    plain = [table for alias, table in tables.items() if alias == f"t_{table}"]
    for table in extra.values():
        owner = table.removesuffix("_meta")
        if owner not in plain:
            plain.append(owner)
            tables[f"t_{owner}"] = owner
    for alias, table in extra.items():
        link, owner = METADATA[table], f"t_{table.removesuffix('_meta')}"
        tables[f"{alias}_map"] = link
        conditions.append(f"{alias}_map.object_id = {owner}.id and {alias}_map.meta_id = {alias}.id")
    return conditions + _plain_links(plain, tables)


def _plain_links(plain: list[str], tables: dict[str, str]) -> list[str]:
    joined, conditions, used = set(plain[:1]), [], set()
    for table in plain[1:]:
        for number in _path(joined, table):
            one, two, condition = JOINS[number]
            joined |= {one, two}
            tables.setdefault(f"t_{one}", one)
            tables.setdefault(f"t_{two}", two)
            if number not in used:
                used.add(number)
                conditions.append(condition.format(a=f"t_{one}", b=f"t_{two}"))
    return conditions


def _path(joined: set[str], wanted: str) -> list[int]:
    """The indexes in JOINS of the shortest chain of joins from the joined tables to another one."""
    if wanted in joined:
        return []
    paths: deque[tuple[str, list[int]]] = deque((table, []) for table in sorted(joined))
    seen = set(joined)
    while paths:
        table, path = paths.popleft()
        for number, (one, two, _) in enumerate(JOINS):
            other = two if one == table else one if two == table else ""
            if not other or other in seen:
                continue
            if other == wanted:
                return [*path, number]
            seen.add(other)
            paths.append((other, [*path, number]))
    raise IrodsError(CAT_FAILED_TO_LINK_TABLES)


def _visible(tables: dict[str, str], user: User) -> Iterable[str]:
    """Conditions that hide objects and collections that the user may not read (recorded: query.as_user)."""
    if user.is_admin:
        return
    identities = ", ".join(map(str, user.identities))
    table = "data" if "t_data" in tables else "coll" if "t_coll" in tables else ""
    if table:
        rights = f"v.object_id = t_{table}.id and v.user_id in ({identities}) and v.level >= {READ}"
        yield f"exists (select 1 from access v where {rights})"  # noqa: S608 - numbers only
