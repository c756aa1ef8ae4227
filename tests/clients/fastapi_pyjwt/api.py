import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER = os.environ["OIDC_ISSUER"]
# Which API this is: the same as among the `resources` of the application that calls it.
AUDIENCE = "https://api.example.com"

app = FastAPI()
keys = jwt.PyJWKClient(f"{ISSUER}/oauth/jwks")
bearer = HTTPBearer()


def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> dict:
    """Return what the access token says, once it is known to be good."""
    try:
        return jwt.decode(
            credentials.credentials,
            keys.get_signing_key_from_jwt(credentials.credentials),
            algorithms=["RS256"],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": ["exp", "sub", "client_id"]},
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from None


@app.get("/me")
def me(claims: Annotated[dict, Depends(claims)]) -> dict:
    return {"id": claims["sub"], "scope": claims["scope"]}
