"""Sample people, groups and relying parties."""
