"""One small test per trap of the libraries we stand on: after an upgrade, red or green decides."""
