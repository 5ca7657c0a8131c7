"""Tests of the hours-of-service room."""
