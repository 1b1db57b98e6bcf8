"""The transactions of a node's wallets: their life, those that are stuck, and movements that are unusual."""
