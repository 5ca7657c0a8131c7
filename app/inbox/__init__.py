"""The inbox: each event as received, what it changed, and the quarantine of what was not understood."""
