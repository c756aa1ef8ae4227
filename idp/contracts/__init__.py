"""What the tokens of each client hold, pinned, and what may change that."""
