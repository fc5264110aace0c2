"""The log: append, read, upcast, replay; durable subscribers."""
