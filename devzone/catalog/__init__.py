"""The catalog: its SQLite tables, resources, access levels, logical paths and open replicas."""
