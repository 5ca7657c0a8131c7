"""The pages for safety managers and operators."""
