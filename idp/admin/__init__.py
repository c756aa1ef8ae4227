"""Administrators' pages, one module a page family."""
