"""Directory trees as a source: looks and listings, confined to the root by descriptors."""
