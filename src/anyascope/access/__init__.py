"""Who may do what: for now, whoever holds a token may do everything."""
