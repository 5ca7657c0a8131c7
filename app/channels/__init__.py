"""How each channel stands: Maven's queue and who polls it, and the times of which events may be missing."""
