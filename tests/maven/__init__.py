"""Tests of Maven's language."""
