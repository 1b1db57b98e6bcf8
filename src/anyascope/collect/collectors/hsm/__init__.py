"""HSMs and remote signers: whether they answer, what they hold, and whether they still sign."""
