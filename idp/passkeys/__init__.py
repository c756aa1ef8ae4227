"""Passkeys: kept, offered and checked (Web Authentication Level 3)."""
