"""Tests of carrying everything from one database to another."""
