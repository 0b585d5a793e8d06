"""The consumer group: takes tasks from the topics and syncs them into iRODS."""
