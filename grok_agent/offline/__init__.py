"""The embedded gateway: a deterministic stand-in that speaks the gateway protocol."""
