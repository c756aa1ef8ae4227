"""The apps that take a JWT redirect, one file each; every file has its ``PRESET``."""
