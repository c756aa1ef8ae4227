"""The ways to sign in that a person's security page shows: one module each, found by the registry."""
