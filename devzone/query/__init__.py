"""General queries (GenQuery1 and GenQuery2), translated to SQL."""
