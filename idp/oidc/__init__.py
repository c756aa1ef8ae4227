"""OpenID Connect and OAuth 2; the only place that knows Authlib."""
