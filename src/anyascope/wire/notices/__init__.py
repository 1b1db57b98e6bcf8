"""What is said of alerts to people and programs, in the layouts that the server and the SDK share. Pure."""
