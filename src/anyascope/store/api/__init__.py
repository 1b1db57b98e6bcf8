"""The doors to what is kept: protocols and their nouns. Every implementation passes `tests/contract/store`."""
