"""Routes, groups and mutes alerts, and remembers who was told: everything durable, every attempt on record."""
