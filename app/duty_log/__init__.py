"""The duty log: drivers' duty statuses and what else their ELDs wrote down, kept as VisTracks' API has it."""
