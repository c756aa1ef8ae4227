import { ExpressAuth, getSession } from '@auth/express'
import express from 'express'

const { OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, PORT } = process.env

const config = {
  providers: [
    {
      id: 'doorward',
      name: 'Doorward',
      type: 'oidc',
      issuer: OIDC_ISSUER,
      clientId: OIDC_CLIENT_ID,
      clientSecret: OIDC_CLIENT_SECRET,
      checks: ['pkce', 'state', 'nonce'],
    },
  ],
}

const app = express()
// Behind a reverse proxy: app.set('trust proxy', true)
app.use('/auth', ExpressAuth(config))

const escape = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)

app.get('/', async (req, res) => {
  const session = await getSession(req, config)
  if (!session) return res.send('<a id="login" href="/auth/signin">Sign in</a>')
  res.send(`<p>${escape(session.user.name)} (${escape(session.user.email)})</p>
    <a id="logout" href="/auth/signout">Sign out</a>`)
})

app.listen(PORT)
