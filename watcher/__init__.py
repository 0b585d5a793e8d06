"""Producers of live changes: what happens in a source, settled, kept in a spool, and published."""
