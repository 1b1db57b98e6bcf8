"""How every component is, and how the whole is. Problems become alerts only through rules: one road to a person."""
