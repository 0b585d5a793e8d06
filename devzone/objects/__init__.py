"""What the API calls do to data objects and collections."""
