"""Legal holds: what must be kept whatever its age."""
