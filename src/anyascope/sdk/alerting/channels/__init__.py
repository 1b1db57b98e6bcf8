"""One module a kind of channel."""
