"""Removal of data objects and replicas: permissions, locks, and the files of removed rows."""

import os
from contextlib import suppress

from devzone.catalog.levels import DELETE, MODIFY
from devzone.catalog.rows import GOOD, Replica
from devzone.errors import CANT_UNREG_IN_VAULT_FILE, LOCKED_DATA_OBJECT_ACCESS, SYS_RESC_IS_DOWN, IrodsError
from devzone.objects.access import require
from devzone.session import Session


def in_vault(session: Session, replica: Replica) -> bool:
    """Whether the replica's file is in the vault of its resource. A registered file is not."""
    resource = session.resources.by_id.get(replica.resc_id)
    return resource is not None and resource.holds(replica.path)


def require_removable(session: Session, found: list[Replica], unregister: bool) -> None:
    """Raise an error if the object is open or the user may not remove it.

    A rodsuser may not unregister files in vaults (recorded: acl.object_write, acl.object_own).
    """
    if unregister:
        require(session, found[0].id, MODIFY)
        if not session.user.is_admin and any(in_vault(session, replica) for replica in found):
            raise IrodsError(CANT_UNREG_IN_VAULT_FILE)
    require(session, found[0].id, DELETE)
    if any(replica.status > GOOD for replica in found):
        raise IrodsError(LOCKED_DATA_OBJECT_ACCESS)


def remove_files(session: Session, removed: list[Replica]) -> None:
    """Delete the files in vaults of removed rows. Registered files are kept; missing files are no error.

    If a resource is down, the error comes only now, after the rows were removed (recorded: resc.status_down).
    """
    if any(session.resources.by_id[replica.resc_id].is_down for replica in removed):
        raise IrodsError(SYS_RESC_IS_DOWN)
    for replica in removed:
        if in_vault(session, replica):
            with suppress(OSError):
                os.unlink(replica.path)
