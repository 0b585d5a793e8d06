"""What the removal of objects and replicas has in common: rights, locks, and files that go with their rows."""

import os
from contextlib import suppress

from devzone.catalog.levels import DELETE, MODIFY
from devzone.catalog.rows import GOOD, Replica
from devzone.errors import CANT_UNREG_IN_VAULT_FILE, LOCKED_DATA_OBJECT_ACCESS, SYS_RESC_IS_DOWN, IrodsError
from devzone.objects.access import require
from devzone.session import Session


def in_vault(session: Session, replica: Replica) -> bool:
    """Whether the replica's file lies in the vault of its resource; registered files do not."""
    resource = session.resources.by_id.get(replica.resc_id)
    return resource is not None and resource.holds(replica.path)


def require_removable(session: Session, found: list[Replica], unregister: bool) -> None:
    """Refuse to remove an object that is open or not the user's to remove.

    A plain user may not unregister vault files (recorded: acl.object_write, acl.object_own).
    """
    if unregister:
        require(session, found[0].id, MODIFY)
        if not session.user.is_admin and any(in_vault(session, replica) for replica in found):
            raise IrodsError(CANT_UNREG_IN_VAULT_FILE)
    require(session, found[0].id, DELETE)
    if any(replica.status > GOOD for replica in found):
        raise IrodsError(LOCKED_DATA_OBJECT_ACCESS)


def remove_files(session: Session, gone: list[Replica]) -> None:
    """Remove the vault files of rows that were removed; registered files always stay, missing ones do not matter.

    A resource that is down is reported only now, when the rows are gone (recorded: resc.status_down).
    """
    if any(session.resources.by_id[replica.resc_id].is_down for replica in gone):
        raise IrodsError(SYS_RESC_IS_DOWN)
    for replica in gone:
        if in_vault(session, replica):
            with suppress(OSError):
                os.unlink(replica.path)
