"""Admits what arrives, stores it in groups, and answers after the commit."""
