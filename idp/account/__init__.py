"""A person's own pages, one module a page."""
