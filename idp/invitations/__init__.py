"""Invitations, and accounts that people make themselves: links that make one account, once."""
