"""S3 buckets as sources."""
