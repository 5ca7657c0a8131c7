"""How violations are read: filters, lists, details, drivers, changes, streams, statistics, exports."""
