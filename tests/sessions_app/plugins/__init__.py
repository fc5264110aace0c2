"""Plugins: loading, switching, isolation, and the three that are shipped."""
