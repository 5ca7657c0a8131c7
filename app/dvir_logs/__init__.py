"""The dvir-logs API: vehicle inspections created, forwarded and read; connections; access tokens."""
