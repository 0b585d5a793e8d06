"""The handler of the demonstration: files are copied into the zone, and follow their source from then on."""

# mypy: disable-error-code="no-untyped-def"

from ingest import Core, Operation


class event_handler(Core):  # noqa: N801 - the name that handlers have
    """Put new files, and overwrite what has changed."""

    @staticmethod
    def operation(session, meta, **options):
        """Ask for the operation that keeps the object in step with its file."""
        return Operation.PUT_SYNC
