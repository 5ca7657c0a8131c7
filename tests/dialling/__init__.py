"""Tests of the dialling room."""
