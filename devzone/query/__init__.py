"""General queries (GenQuery1 and GenQuery2) as SQL."""
