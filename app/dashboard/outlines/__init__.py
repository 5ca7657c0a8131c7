"""Outlines of states, provinces and countries that ship with the project, and the plane geometry of cutting them."""
