"""The shared vocabulary of the landing zone; handler files import their three names from here."""

from ingest.handlers.core import Core, DeleteMode, Operation

__all__ = ["Core", "DeleteMode", "Operation"]
