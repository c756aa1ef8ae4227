"""Relying parties: their metadata and their secrets."""
