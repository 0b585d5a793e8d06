"""Renaming and moving of data objects and collections (627)."""

from irods.api_number import api_number

from devzone.catalog.paths import zone_of
from devzone.errors import (
    SAME_SRC_DEST_PATHS_ERR,
    SYS_CROSS_ZONE_MV_NOT_SUPPORTED,
    IrodsError,
)
from devzone.objects.moving import rename_collection, rename_object
from devzone.session import Handler, Reply, Request, Session, source_and_target

RENAME_OBJECT, RENAME_COLLECTION = 11, 12


def _rename(session: Session, request: Request) -> Reply:
    """Rename or move an object or a collection; ``oprType`` tells them apart."""
    source_node, target_node = source_and_target(request)
    source, target = source_node.path("objPath"), target_node.path("objPath")
    if source == target:
        raise IrodsError(SAME_SRC_DEST_PATHS_ERR)
    if zone_of(source) != zone_of(target):
        raise IrodsError(SYS_CROSS_ZONE_MV_NOT_SUPPORTED)
    with session.transaction():
        if source_node.number("oprType") == RENAME_COLLECTION:
            rename_collection(session, source, target)
        else:
            rename_object(session, source, target)
    return Reply()


HANDLERS: dict[int, Handler] = {api_number["DATA_OBJ_RENAME_AN"]: _rename}
