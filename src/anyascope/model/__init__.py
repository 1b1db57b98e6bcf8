"""The nouns that rooms hand to each other. Values only: no room is known here, nothing is fetched, nothing is kept."""
