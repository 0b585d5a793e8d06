"""The queue in Kafka."""
