"""Bytes and text to nouns and back. Pure: nothing here waits, keeps or fetches."""
