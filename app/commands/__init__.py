"""The commands of `hos-receiver`, a module for each group: options, what is printed, exit statuses. What a command does
lives in the rooms below."""
