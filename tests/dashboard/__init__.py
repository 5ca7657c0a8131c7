"""Tests of the pages for safety managers and operators."""
