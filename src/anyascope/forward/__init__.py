"""Remote write out: what is stored here is also sent to other stores, from a log on disk that outlives their outages."""
