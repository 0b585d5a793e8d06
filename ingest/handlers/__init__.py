"""Event handlers: the class that they build on, how they are loaded, checked and signed."""
