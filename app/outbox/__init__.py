"""The outbox: what is owed to hooks, from the commit of a change until it was delivered."""
