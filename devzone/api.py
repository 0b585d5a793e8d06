"""The table of all calls that the server answers, by API number."""

from devzone import (
    api_access,
    api_admin,
    api_checksum,
    api_collections,
    api_copy,
    api_info,
    api_io,
    api_metadata,
    api_modmeta,
    api_put,
    api_query,
    api_register,
    api_remove,
    api_rename,
    api_touch,
    auth,
)
from devzone.session import Handler

HANDLERS: dict[int, Handler] = {
    **auth.HANDLERS,
    **api_access.HANDLERS,
    **api_checksum.HANDLERS,
    **api_collections.HANDLERS,
    **api_copy.HANDLERS,
    **api_info.HANDLERS,
    **api_io.HANDLERS,
    **api_metadata.HANDLERS,
    **api_modmeta.HANDLERS,
    **api_put.HANDLERS,
    **api_query.HANDLERS,
    **api_register.HANDLERS,
    **api_remove.HANDLERS,
    **api_rename.HANDLERS,
    **api_touch.HANDLERS,
    **api_admin.HANDLERS,
}
