"""One operation across signals: what carries its correlation id, or is joined to it by its transaction."""
