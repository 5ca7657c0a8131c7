"""Alerting: what changed goes out, to those who asked to be told."""
