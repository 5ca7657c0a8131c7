"""hos-receiver: a system of record for HOS violations from Maven ELD."""
