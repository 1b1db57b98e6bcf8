"""One module a framework."""
