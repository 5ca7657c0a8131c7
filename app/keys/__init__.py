"""API keys and webhook tokens: made once, shown once, kept as a hash."""
