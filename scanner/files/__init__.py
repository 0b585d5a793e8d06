"""Directory trees as sources; descriptors confine all access to the root."""
