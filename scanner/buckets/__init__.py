"""S3 buckets as a source: the same looks and listings, answered by an object store."""
