"""The load harness."""
