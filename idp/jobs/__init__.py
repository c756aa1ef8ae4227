"""Background work: tasks and their schedule."""
