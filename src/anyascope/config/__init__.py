"""`anyascope.yml`, Prometheus' and Alertmanager's own files, environment and flags, as one tree of settings."""
