"""Tests of the sign_on room."""
