"""The REST face, one file per endpoint; bad input, isolation and problem documents across all of them."""
