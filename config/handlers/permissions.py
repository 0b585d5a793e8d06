"""Give users and groups access to ingested objects and collections.

New collections also get inheritance, so objects that others add later are accessible, too. The iRODS account of the
workers owns what it ingests, so it can give access to it.
"""

from irods.access import iRODSAccess

from ingest import Core, Operation

GRANTS = {"public": "read"}
"""User or group → access level: null, read, write or own."""


def _grant(session, path):
    for name, access in GRANTS.items():
        session.acls.set(iRODSAccess(access, path, name, session.zone))


class event_handler(Core):  # noqa: N801 - handlers must have this name
    @staticmethod
    def operation(session, meta, **options):
        return Operation.PUT_SYNC

    @staticmethod
    def post_coll_create(hdlr_mod, logger, session, meta, *args, **options):
        if not (meta["target"] + "/").startswith(meta["root_target_collection"] + "/"):
            return  # a parent of the target collection: its permissions are left as they are
        session.acls.set(iRODSAccess("inherit", meta["target"]))
        _grant(session, meta["target"])

    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        _grant(session, meta["target"])  # needed in collections that existed before, and have no inheritance
