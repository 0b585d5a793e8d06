"""The handlers of all calls that the server answers, by API number."""

from devzone.api import (
    access,
    admin,
    auth,
    checksum,
    collections,
    copy,
    info,
    io,
    metadata,
    modmeta,
    put,
    query,
    register,
    remove,
    rename,
    touch,
)
from devzone.session import Handler

HANDLERS: dict[int, Handler] = {
    **auth.HANDLERS,
    **access.HANDLERS,
    **checksum.HANDLERS,
    **collections.HANDLERS,
    **copy.HANDLERS,
    **info.HANDLERS,
    **io.HANDLERS,
    **metadata.HANDLERS,
    **modmeta.HANDLERS,
    **put.HANDLERS,
    **query.HANDLERS,
    **register.HANDLERS,
    **remove.HANDLERS,
    **rename.HANDLERS,
    **touch.HANDLERS,
    **admin.HANDLERS,
}
