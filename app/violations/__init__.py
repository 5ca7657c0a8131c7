"""A violation: what the events of one violation id add up to."""
