"""Maven's language: Violation Data, event shapes, identity."""
