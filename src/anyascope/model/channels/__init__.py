"""The options of each kind of channel: one module a kind, with Alertmanager's field names."""
