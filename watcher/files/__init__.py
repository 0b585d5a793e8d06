"""Ways to learn what happens in a directory tree."""
