"""The endpoints, one module each, each with its blueprint and discovery metadata."""
