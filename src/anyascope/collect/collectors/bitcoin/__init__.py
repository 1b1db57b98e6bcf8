"""Nodes of Bitcoin Core's family, watched by RPC and ZMQ."""
