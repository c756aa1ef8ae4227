import { createPrivateKey, createPublicKey, randomBytes, subtle } from 'node:crypto'
import { readFile } from 'node:fs/promises'

import express from 'express'
import session from 'express-session'
import * as client from 'openid-client'

const { OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, APP_ADDRESS, PORT } = process.env
const { KEY_FILE, RESPONSE_MODE, RESPONSE_TYPE } = process.env
const redirectUri = `${APP_ADDRESS}/callback`
const app = express()

// A key of the application's own in place of a secret: it stays here, and the provider fetches the public half.
async function authenticateByKey() {
  const pem = await readFile(KEY_FILE)
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' })
  const key = await subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  const published = { ...createPublicKey(pem).export({ format: 'jwk' }), kid: 'key-1', use: 'sig', alg: 'ES256' }
  app.get('/jwks.json', (req, res) => res.json({ keys: [published] }))
  return client.PrivateKeyJwt({ key, kid: published.kid })
}

const issuer = new URL(OIDC_ISSUER)
const authentication = KEY_FILE ? await authenticateByKey() : client.ClientSecretPost(OIDC_CLIENT_SECRET)
const config = await client.discovery(issuer, OIDC_CLIENT_ID, undefined, authentication, {
  // Plain http is for your own machine only.
  execute: issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [],
})
if (RESPONSE_MODE === 'jwt') client.useJwtResponseMode(config)
if (RESPONSE_TYPE === 'code id_token') client.useCodeIdTokenResponseType(config)

app.use(
  session({
    name: 'openid_client',
    secret: process.env.SECRET_KEY ?? randomBytes(32).toString('hex'),
    resave: false,
    saveUninitialized: false,
    // An answer by form_post comes from another site, where cookies go only by https and when they say so.
    cookie: APP_ADDRESS.startsWith('https:') ? { secure: true, sameSite: 'none' } : {},
  }),
)

const escape = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)

app.get('/', (req, res) => {
  const { person, tokens } = req.session
  if (!person) return res.send('<a id="login" href="/login">Sign in</a>')
  res.send(`<p>${escape(person.name)} (${escape(person.email)})</p>
    ${tokens.refresh_token ? '<form method="post" action="/refresh"><button id="refresh">Refresh</button></form>' : ''}
    <form method="post" action="/logout"><button id="logout">Sign out</button></form>`)
})

app.get('/login', async (req, res) => {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  req.session.pending = { verifier, state, nonce }
  const parameters = {
    redirect_uri: redirectUri,
    scope: 'openid profile email groups offline_access',
    // Without it there is no offline_access (OpenID Connect Core, section 11).
    prompt: 'consent',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  }
  if (RESPONSE_MODE === 'form_post') parameters.response_mode = RESPONSE_MODE
  res.redirect(client.buildAuthorizationUrl(config, parameters).href)
})

async function callback(req, res) {
  const { verifier, state, nonce } = req.session.pending
  // The whole answer: the address, or with form_post the request itself.
  const answer =
    req.method === 'GET'
      ? new URL(req.originalUrl, APP_ADDRESS)
      : new Request(redirectUri, { method: 'POST', headers: req.headers, body: req, duplex: 'half' })
  const tokens = await client.authorizationCodeGrant(config, answer, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  })
  const person = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  await new Promise((done) => req.session.regenerate(done))
  Object.assign(req.session, { tokens, person })
  res.redirect('/')
}

app.get('/callback', callback)
app.post('/callback', callback)

// Access tokens live for minutes. Each refresh token is good once: keep the new one.
app.post('/refresh', async (req, res) => {
  const { tokens, person } = req.session
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
  req.session.tokens = { ...tokens, ...fresh }
  req.session.person = await client.fetchUserInfo(config, fresh.access_token, person.sub)
  res.redirect(303, '/')
})

app.post('/logout', async (req, res) => {
  const { tokens } = req.session
  await client.tokenRevocation(config, tokens.refresh_token ?? tokens.access_token)
  await new Promise((done) => req.session.destroy(done))
  const parameters = { id_token_hint: tokens.id_token, post_logout_redirect_uri: `${APP_ADDRESS}/` }
  res.redirect(303, client.buildEndSessionUrl(config, parameters).href)
})

app.listen(PORT)
