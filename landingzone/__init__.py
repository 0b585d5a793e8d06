"""The commands: what a user can ask for, its options, and how the parts are put together for it."""
