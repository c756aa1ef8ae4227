"""Every way a request fails, with a sentence for people and one for owners."""
