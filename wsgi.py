"""The WSGI application."""

from idp.app import create_app

app = create_app()
