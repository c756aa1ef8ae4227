import { randomBytes } from 'node:crypto'

import express from 'express'
import oidc from 'express-openid-connect'
import session from 'express-session'

const { OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, APP_ADDRESS, PORT } = process.env

const app = express()
app.use(
  oidc.auth({
    issuerBaseURL: OIDC_ISSUER,
    baseURL: APP_ADDRESS,
    clientID: OIDC_CLIENT_ID,
    clientSecret: OIDC_CLIENT_SECRET,
    secret: process.env.SECRET_KEY ?? randomBytes(32).toString('hex'),
    authRequired: false,
    idpLogout: true,
    backchannelLogout: true,
    authorizationParams: { response_type: 'code', scope: 'openid profile email' },
    // For one process; several share a store, such as Redis.
    session: { name: 'express_openid_connect', store: new session.MemoryStore() },
  }),
)

const escape = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)

app.get('/', (req, res) => {
  if (!req.oidc.isAuthenticated()) return res.send('<a id="login" href="/login">Sign in</a>')
  const { name, email } = req.oidc.user
  res.send(`<p>${escape(name)} (${escape(email)})</p><a id="logout" href="/logout">Sign out</a>`)
})

app.listen(PORT)
