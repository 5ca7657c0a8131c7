"""Tests of inspections: which defects are open, whatever the order of arrival."""
