"""What an installation looks like: its name, its logos, one colour, its links."""
