"""The first administrator, by a one-time link."""
