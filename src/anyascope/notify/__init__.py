"""Delivers what alerting says, through channels, until the far end has it."""
