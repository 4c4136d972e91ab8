"""The chain, its anchors, the log."""
