"""Labelled numpy columns: what the store gives out and the engine computes on."""
