"""Plugins: one file each, with any of the four decorators; switched on in the setting PLUGINS."""
