"""Tests of the dvir-logs API: reports, operations, providers, connections, lists and access tokens."""
