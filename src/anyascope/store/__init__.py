"""What is kept, and the doors to it. `store.api` is the door; only `app` chooses what stands behind it."""
