"""What all long-running processes share: logs, metrics, health, profiles, back-off, systemd."""
