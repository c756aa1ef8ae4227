"""Pages for whoever connects an app: what helps to see why something does not work."""
