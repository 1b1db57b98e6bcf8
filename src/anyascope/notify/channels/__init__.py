"""The kinds of channel: one module each, and one line in `registry`."""
