"""Codes, access tokens, refresh tokens and their revocation."""
