"""A module a protocol; each has its line in `receive.registry` and passes the contract suite."""
