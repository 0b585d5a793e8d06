"""The sources of jobs: looks at directories and buckets, lists them and yields their entries."""
