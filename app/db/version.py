"""The schema version this program works with."""

HEAD = "0009"
"""The newest migration. A test holds it to the migrations."""
