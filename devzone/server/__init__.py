"""The server: connections, authentication, added latency, and how a new zone is made."""
