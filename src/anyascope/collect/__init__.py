"""Looks outward: scrapes targets, reads this host, its journal, its processes, certificates and the server itself."""
