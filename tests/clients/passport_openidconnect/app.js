import { randomBytes } from 'node:crypto'

import express from 'express'
import session from 'express-session'
import passport from 'passport'
import OpenIDConnectStrategy from 'passport-openidconnect'

const { OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, APP_ADDRESS, PORT } = process.env

passport.use(
  new OpenIDConnectStrategy(
    {
      issuer: OIDC_ISSUER,
      authorizationURL: `${OIDC_ISSUER}/oauth/authorize`,
      tokenURL: `${OIDC_ISSUER}/oauth/token`,
      userInfoURL: `${OIDC_ISSUER}/oauth/userinfo`,
      clientID: OIDC_CLIENT_ID,
      clientSecret: OIDC_CLIENT_SECRET,
      callbackURL: `${APP_ADDRESS}/callback`,
      scope: ['profile', 'email'],
      nonce: true,
    },
    function verify(issuer, profile, context, idToken, done) {
      const { id, displayName, emails } = profile
      done(null, { id, displayName, email: emails[0].value, idToken })
    },
  ),
)
passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user, done) => done(null, user))

const app = express()
app.use(
  session({
    name: 'passport_openidconnect',
    secret: process.env.SECRET_KEY ?? randomBytes(32).toString('hex'),
    resave: false,
    saveUninitialized: false,
    cookie: { sameSite: 'lax', secure: APP_ADDRESS.startsWith('https:') },
  }),
)
app.use(passport.authenticate('session'))

const escape = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)

app.get('/', (req, res) => {
  if (!req.user) return res.send('<a id="login" href="/login">Sign in</a>')
  res.send(`<p>${escape(req.user.displayName)} (${escape(req.user.email)})</p>
    <form method="post" action="/logout"><button id="logout">Sign out</button></form>`)
})

app.get('/login', passport.authenticate('openidconnect'))

app.get('/callback', passport.authenticate('openidconnect', { successRedirect: '/', failureRedirect: '/failed' }))

app.get('/failed', (req, res) => res.status(401).send('Signing in has failed. <a href="/login">Try again</a>'))

app.post('/logout', (req, res, next) => {
  const { idToken } = req.user
  req.logout((error) => {
    if (error) return next(error)
    const query = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: `${APP_ADDRESS}/` })
    res.redirect(303, `${OIDC_ISSUER}/logout?${query}`)
  })
})

app.listen(PORT)
