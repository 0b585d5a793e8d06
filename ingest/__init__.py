"""What all parts of the landing zone share. Handler files import `Core`, `DeleteMode` and `Operation` from here."""

from ingest.handlers.core import Core, DeleteMode, Operation

__all__ = ["Core", "DeleteMode", "Operation"]
