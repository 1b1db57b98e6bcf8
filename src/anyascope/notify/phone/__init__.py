"""Phones that answer: calls under way, what their keys mean, and Twilio's side of it."""
