"""What is collected without being scraped; each kind a module, none knows another."""
