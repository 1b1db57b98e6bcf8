"""Receivers in Alertmanager's format: one module for each kind of channel, and one line in `registry`."""
