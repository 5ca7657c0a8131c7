"""Tests of the violations room."""
