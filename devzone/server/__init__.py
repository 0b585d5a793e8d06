"""The server: connections, artificial latency, and the first contents of a zone."""
