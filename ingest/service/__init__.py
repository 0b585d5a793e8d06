"""What every long-running process offers: logs, metrics, health, profiles, back-off, systemd."""
