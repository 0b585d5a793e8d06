"""How one path is brought into step with the catalog: look, decide, act, remember."""
