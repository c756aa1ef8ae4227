"""Ways to sign in: one module each, found by the registry."""
