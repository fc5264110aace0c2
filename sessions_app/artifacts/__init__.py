"""Artifacts: named, versioned bytes of a session. Rows are projections; bytes lie in a storage, by their hash."""
