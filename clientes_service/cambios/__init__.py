"""The change feed: every client in the order of its last change, for whoever keeps a copy of the directory."""
