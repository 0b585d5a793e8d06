"""`ingest-watch` from a change in the source to the catalog."""
