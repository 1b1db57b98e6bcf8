"""What a Bitcoin node speaks: JSON-RPC and ZMQ messages, to nouns and back; pure."""
