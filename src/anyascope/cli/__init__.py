"""The terminal: `up` starts a server, `check` and `test` look at files, everything else asks a running server."""
