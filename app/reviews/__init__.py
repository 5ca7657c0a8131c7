"""Reviews: what the carrier did about a violation; beside what Maven said, and never a part of it."""
