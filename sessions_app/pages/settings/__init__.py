"""The pages of one's own settings. Profile and password are Django's; tokens are commands; the rest is looked at."""
