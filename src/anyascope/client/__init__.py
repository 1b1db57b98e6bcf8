"""A typed client of the own API, and of Prometheus' query API, for the terminal, for tests and for other programs."""
