"""The names that signals go by: labels, their values and what they mean to a person."""
