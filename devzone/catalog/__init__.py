"""The catalog: its tables in SQLite, resources, logical paths, open replicas."""
