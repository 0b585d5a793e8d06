"""What is there: lists directories and buckets and yields their entries; `ingest-scan`."""
