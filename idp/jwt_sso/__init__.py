"""The plain JWT redirect."""
