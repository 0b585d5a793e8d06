"""Producers of live changes: events of a source are settled, kept in a spool, and published."""
