"""The driverHistories API: the duty log written and read by other systems."""
