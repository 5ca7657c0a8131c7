"""Who is who: drivers by their names in each system, vehicles and home terminals by their numbers."""
