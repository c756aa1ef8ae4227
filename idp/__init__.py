"""Doorward: a Single Sign-On identity provider."""
