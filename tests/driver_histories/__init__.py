"""Tests of the driverHistories API."""
