"""The browser's pages. Reads are queries; every write is a command, here or over REST.

What happens after a page was sent comes over the socket (`static/parley/`), from the version the page names."""
