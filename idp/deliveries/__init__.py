"""Outgoing work kept as rows until it is done, and what becomes of the apps when somebody signs out."""
