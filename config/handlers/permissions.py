"""Permissions: users and groups get access to what is ingested.

Collections inherit it, so that what others put there later is accessible, too. The account of the workers must be
allowed to give access: it owns what it ingests.
"""

from irods.access import iRODSAccess

from ingest import Core, Operation

GRANTS = {"public": "read"}
"""User or group → null, read, write or own."""


def _grant(session, path):
    for name, access in GRANTS.items():
        session.acls.set(iRODSAccess(access, path, name, session.zone))


class event_handler(Core):  # noqa: N801 - the name that handlers have
    @staticmethod
    def operation(session, meta, **options):
        return Operation.PUT_SYNC

    @staticmethod
    def post_coll_create(hdlr_mod, logger, session, meta, *args, **options):
        if not (meta["target"] + "/").startswith(meta["root_target_collection"] + "/"):
            return  # a collection above the target had to be created: it is not ours to open
        session.acls.set(iRODSAccess("inherit", meta["target"]))
        _grant(session, meta["target"])

    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        _grant(session, meta["target"])  # for collections that were there before, and do not inherit
