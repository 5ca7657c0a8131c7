"""Dialling out to addresses that others chose: which may be reached, one POST to them, its signature, secrets at rest.

This room knows neither hooks nor violations. What is sent, when it is tried again, and what an answer means is left to
the rooms above.
"""
