"""Pages for operators: how events come in, what was not understood, hooks and keys."""
