"""The only room that builds others: settings in, a running server out."""
