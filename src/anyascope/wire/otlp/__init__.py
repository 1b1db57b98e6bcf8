"""OTLP bodies, protobuf and JSON, as the nouns of `model`."""
