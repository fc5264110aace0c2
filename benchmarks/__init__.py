"""What is measured, not asserted: each figure beside its floor in the same run, medians of several rounds."""
