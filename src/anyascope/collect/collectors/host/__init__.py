"""This machine, from /proc and /sys, in node_exporter's names. Parsers are pure: text in, families out."""
