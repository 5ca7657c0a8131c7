"""Tests of the duty log."""
