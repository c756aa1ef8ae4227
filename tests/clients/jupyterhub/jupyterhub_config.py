import os

c = get_config()

issuer = os.environ["OIDC_ISSUER"]
address = os.environ.get("APP_ADDRESS", "http://localhost:9000")

c.JupyterHub.bind_url = address
c.JupyterHub.authenticator_class = "generic-oauth"
c.GenericOAuthenticator.login_service = "Doorward"
c.GenericOAuthenticator.client_id = os.environ["OIDC_CLIENT_ID"]
c.GenericOAuthenticator.client_secret = os.environ["OIDC_CLIENT_SECRET"]
c.GenericOAuthenticator.oauth_callback_url = f"{address}/hub/oauth_callback"
c.GenericOAuthenticator.authorize_url = f"{issuer}/oauth/authorize"
c.GenericOAuthenticator.token_url = f"{issuer}/oauth/token"
c.GenericOAuthenticator.userdata_url = f"{issuer}/oauth/userinfo"
c.GenericOAuthenticator.logout_redirect_url = f"{issuer}/logout"
c.GenericOAuthenticator.scope = ["openid", "profile", "email", "groups"]
c.GenericOAuthenticator.username_claim = "preferred_username"

# Who may come in, and who administers the hub: people in these groups of Doorward.
c.GenericOAuthenticator.manage_groups = True
c.GenericOAuthenticator.auth_state_groups_key = "oauth_user.groups"
c.GenericOAuthenticator.allowed_groups = {"staff"}
c.GenericOAuthenticator.admin_groups = {"hub-administrators"}

# Show the hub's own page first, not the person's notebook server.
c.JupyterHub.default_url = "/hub/home"
