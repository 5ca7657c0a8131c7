"""Tests of legal holds."""
