"""Small relying parties in real frameworks."""
