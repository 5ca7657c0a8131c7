"""Hooks: who asked to be told of what, and how they are reached."""
