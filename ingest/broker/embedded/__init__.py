"""The queue in one SQLite file: topics, partitions and a consumer group."""
