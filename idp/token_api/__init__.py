"""Username and password in, an access and a refresh token out: on the wire like djangorestframework-simplejwt."""
