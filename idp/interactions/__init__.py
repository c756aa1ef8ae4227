"""Requests that wait for a person, resumable for a day."""
