"""Hours of service: the limits of 49 CFR 395, counted again from a driver's duty statuses."""
