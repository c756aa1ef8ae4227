"""How people come to an account of their own: by an invitation, or by themselves where that is open."""
