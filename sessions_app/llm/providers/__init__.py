"""Providers behind one small protocol."""
