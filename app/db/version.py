"""The schema version this program works with."""

HEAD = "0010"
"""The newest migration. A test holds it to the migrations."""
