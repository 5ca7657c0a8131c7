"""Vehicle inspections: the reports, their defects, where they are forwarded to, and how that went."""
