"""Ways to be notified of what happens in a bucket."""
