"""The schema version this program works with."""

HEAD = "0008"
"""The newest migration. A test holds it to the migrations."""
