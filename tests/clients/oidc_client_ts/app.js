const manager = new oidc.UserManager({
  authority: 'http://localhost:8000',
  client_id: 'the-client-id',
  redirect_uri: 'http://localhost:9000/',
  silent_redirect_uri: 'http://localhost:9000/silent.html',
  post_logout_redirect_uri: 'http://localhost:9000/',
  scope: 'openid profile email',
  loadUserInfo: true,
  revokeTokensOnSignout: true,
})

const element = (id) => document.getElementById(id)

function show(user) {
  element('person').textContent = user ? `${user.profile.name} (${user.profile.email})` : 'Nobody is signed in.'
  element('person').dataset.accessToken = user?.access_token ?? ''
  element('login').hidden = Boolean(user)
  element('renew').hidden = element('logout').hidden = !user
}

element('login').onclick = () => manager.signinRedirect()
// This happens by itself a minute before the access token runs out.
element('renew').onclick = () => manager.signinSilent()
element('logout').onclick = () => manager.signoutRedirect()

manager.events.addUserLoaded(show)
manager.events.addUserUnloaded(() => show(null))

async function start() {
  const parameters = new URLSearchParams(location.search)
  if (parameters.has('code') || parameters.has('error')) {
    await manager.signinCallback()
    history.replaceState({}, '', '/')
  }
  show(await manager.getUser())
}

start()
