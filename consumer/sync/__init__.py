"""The sync of one path: make its place, look at the source, decide, act, remember."""
