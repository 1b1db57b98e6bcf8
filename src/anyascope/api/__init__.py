"""HTTP out: the server's own API, and those of the programs that it stands in for, a module a resource."""
