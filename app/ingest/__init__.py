"""How events come in: credentials, the webhook, the writer, quarantine retry, rebuild."""
