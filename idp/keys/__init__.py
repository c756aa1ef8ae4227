"""Signing keys: kept encrypted, rotated, published, used."""
