"""Compares a source with the catalog, as both are now: `ingest-scan verify`."""
