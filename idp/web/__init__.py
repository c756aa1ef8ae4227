"""What every page needs; knows no feature."""
