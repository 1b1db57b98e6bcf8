"""Reconciliation: what left our wallets, what the HSM signed and what was approved must be the same."""
