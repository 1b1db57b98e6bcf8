"""The wallets of a node: what they hold, and what it would cost to spend it."""
