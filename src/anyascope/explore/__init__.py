"""What people ask of logs and traces: the search language, times, and spans put together to traces."""
