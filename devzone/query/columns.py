"""The columns of queries: GenQuery number, GenQuery2 name, table and SQL expression; and the joins of the tables.

The numbers are from python-irodsclient, ``irods.models``. The GenQuery2 names are from the iRODS documentation.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its table, its SQL expression with ``{t}`` for the table's alias, and whether it is a number."""

    number: int
    name: str
    table: str
    expression: str
    numeric: bool = False


def _table(table: str, listing: str) -> list[Column]:
    """Columns from a list of ``number name expression``; a # after the expression marks a number."""
    found = []
    for line in listing.split(","):
        number, name, expression = line.split()
        numeric = expression.endswith("#")
        found.append(Column(int(number), name, table, "{t}." + expression.rstrip("#"), numeric))
    return found


def _metadata(table: str, first: int, prefix: str) -> list[Column]:
    return _table(
        table,
        f"{first} {prefix}_ATTR_NAME name, {first + 1} {prefix}_ATTR_VALUE value,"
        f"{first + 2} {prefix}_ATTR_UNITS units, {first + 3} {prefix}_ATTR_ID id#,"
        f"{first + 4} {prefix}_CREATE_TIME create_ts, {first + 5} {prefix}_MODIFY_TIME modify_ts",
    )


def _nothing(name: str, first: int, end: int) -> list[Column]:
    """Columns for features that this zone does not have. Queries for them find no rows."""
    return [Column(number, f"{name}_{number}", "nothing", "{t}.x") for number in range(first, end)]


_ACCESS_NAME = "(select name from token where namespace = 'access_type' and id = {t}.level)"
ALL = [
    *_table("zone", "101 ZONE_ID id#, 102 ZONE_NAME name, 103 ZONE_TYPE type, 105 ZONE_COMMENT comment"),
    *_table(
        "user",
        "201 USER_ID id#, 202 USER_NAME name, 203 USER_TYPE type, 204 USER_ZONE zone, 206 USER_INFO info,"
        "207 USER_COMMENT comment, 208 USER_CREATE_TIME create_ts, 209 USER_MODIFY_TIME modify_ts",
    ),
    *_table(
        "resc",
        "301 RESC_ID id#, 302 RESC_NAME name, 303 RESC_ZONE_NAME zone, 304 RESC_TYPE_NAME type,"
        "305 RESC_CLASS_NAME class, 306 RESC_HOSTNAME location, 307 RESC_VAULT_PATH vault,"
        "308 RESC_FREE_SPACE free_space, 309 RESC_INFO info, 310 RESC_COMMENT comment,"
        "311 RESC_CREATE_TIME create_ts, 312 RESC_MODIFY_TIME modify_ts, 313 RESC_STATUS status,"
        "314 RESC_FREE_SPACE_TIME free_space_ts, 315 RESC_CHILDREN children, 316 RESC_CONTEXT context,"
        "317 RESC_PARENT_ID parent, 318 RESC_PARENT_CONTEXT parent_context,"
        "409 DATA_RESC_NAME name, 422 DATA_RESC_HIER hier",
    ),
    *_table(
        "data",
        "401 DATA_ID id#, 402 DATA_COLL_ID coll_id#, 403 DATA_NAME name, 404 DATA_REPL_NUM number#,"
        "405 DATA_VERSION version, 406 DATA_TYPE_NAME type, 407 DATA_SIZE size#, 410 DATA_PATH path,"
        "411 DATA_OWNER_NAME owner_name, 412 DATA_OWNER_ZONE owner_zone, 413 DATA_REPL_STATUS repl_status#,"
        "414 DATA_STATUS status, 415 DATA_CHECKSUM checksum, 416 DATA_EXPIRY expiry, 417 DATA_MAP_ID map_id#,"
        "418 DATA_COMMENTS comments, 419 DATA_CREATE_TIME create_ts, 420 DATA_MODIFY_TIME modify_ts,"
        "421 DATA_MODE mode, 423 DATA_RESC_ID resc_id#, 424 DATA_ACCESS_TIME access_ts",
    ),
    *_table(
        "coll",
        "500 COLL_ID id#, 501 COLL_NAME name, 502 COLL_PARENT_NAME parent, 503 COLL_OWNER_NAME owner_name,"
        "504 COLL_OWNER_ZONE owner_zone, 505 COLL_MAP_ID map_id, 506 COLL_INHERITANCE inherit,"
        "507 COLL_COMMENTS comments, 508 COLL_CREATE_TIME create_ts, 509 COLL_MODIFY_TIME modify_ts",
    ),
    *_metadata("data_meta", 600, "META_DATA"),
    *_metadata("coll_meta", 610, "META_COLL"),
    *_metadata("resc_meta", 630, "META_RESC"),
    *_metadata("user_meta", 640, "META_USER"),
    *_table(
        "data_access",
        "700 DATA_ACCESS_TYPE level#, 703 DATA_ACCESS_USER_ID user_id#, 704 DATA_ACCESS_DATA_ID object_id#",
    ),
    Column(701, "DATA_ACCESS_PERM_NAME", "data_access", _ACCESS_NAME),
    Column(702, "DATA_TOKEN_NAMESPACE", "data_access", "'access_type'"),
    *_table(
        "coll_access",
        "710 COLL_ACCESS_TYPE level#, 713 COLL_ACCESS_USER_ID user_id#, 714 COLL_ACCESS_COLL_ID object_id#",
    ),
    Column(711, "COLL_ACCESS_PERM_NAME", "coll_access", _ACCESS_NAME),
    Column(712, "COLL_TOKEN_NAMESPACE", "coll_access", "'access_type'"),
    *_table("token", "800 TOKEN_NAMESPACE namespace, 801 TOKEN_ID id#, 802 TOKEN_NAME name"),
    *_table("group", "900 GROUP_ID id#, 901 GROUP_NAME name"),
    *_nothing("RULE_EXEC", 1000, 1013),
    *_nothing("USER_AUTH", 1600, 1602),
    *_nothing("QUOTA", 2000, 2005),
    *_nothing("TICKET", 2200, 2231),
    *_table("coll_user", "1300 COLL_ACCESS_USER_NAME name, 1301 COLL_ACCESS_USER_ZONE zone"),
]  # fmt: skip
BY_NUMBER = {column.number: column for column in ALL}
BY_NAME = {column.name: column for column in ALL}
BY_NAME |= {
    "RESC_HIER": Column(0, "RESC_HIER", "resc", "{t}.hier"),
    "META_DATA_ATTR_UNIT": BY_NAME["META_DATA_ATTR_UNITS"],
    "META_COLL_ATTR_UNIT": BY_NAME["META_COLL_ATTR_UNITS"],
    "DATA_USER_NAME": BY_NAME["USER_NAME"],
}

# Name of a table in queries -> its SQL table or expression.
TABLES = {
    "zone": "zone", "user": "user", "resc": "resc", "data": "data", "coll": "coll", "data_meta": "meta",
    "coll_meta": "meta", "resc_meta": "meta", "user_meta": "meta", "data_access": "access", "coll_access": "access",
    "nothing": "(select null as x where 0)", "token": "token", "group": "user", "coll_user": "user",
    "data_map": "metamap", "coll_map": "metamap", "resc_map": "metamap", "user_map": "metamap", "membership": "member",
}  # fmt: skip

# Join conditions of two tables; {a} and {b} are their aliases. The search for a chain of joins follows this order.
JOINS = [
    ("data", "coll", "{a}.coll_id = {b}.id"),
    ("data", "resc", "{a}.resc_id = {b}.id"),
    ("data", "data_map", "{b}.object_id = {a}.id"),
    ("data_map", "data_meta", "{a}.meta_id = {b}.id"),
    ("coll", "coll_map", "{b}.object_id = {a}.id"),
    ("coll_map", "coll_meta", "{a}.meta_id = {b}.id"),
    ("resc", "resc_map", "{b}.object_id = {a}.id"),
    ("resc_map", "resc_meta", "{a}.meta_id = {b}.id"),
    ("user", "user_map", "{b}.object_id = {a}.id"),
    ("user_map", "user_meta", "{a}.meta_id = {b}.id"),
    ("data", "data_access", "{b}.object_id = {a}.id"),
    ("data_access", "user", "{a}.user_id = {b}.id"),
    ("coll", "coll_access", "{b}.object_id = {a}.id"),
    ("coll_access", "coll_user", "{a}.user_id = {b}.id"),
    ("user", "membership", "{b}.user_id = {a}.id"),
    ("membership", "group", "{a}.group_id = {b}.id and {b}.type = 'rodsgroup'"),
]
METADATA = {"data_meta": "data_map", "coll_meta": "coll_map", "resc_meta": "resc_map", "user_meta": "user_map"}
