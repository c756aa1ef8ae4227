/* Makes a passkey: by the button, or quietly where the browser does so after a sign-in with a password. */
const form = document.querySelector("[data-passkey-create]");
// A browser takes one request at a time: the quiet one gives way to the button.
const quiet = new AbortController();

function able() {
  return Boolean(window.PublicKeyCredential && PublicKeyCredential.parseCreationOptionsFromJSON && PublicKeyCredential.prototype.toJSON);
}

function tell(words) {
  const line = form.querySelector("[data-passkey-error]");
  line.querySelector("[data-passkey-words]").textContent = words;
  line.hidden = !words;
}

async function asked(isQuiet) {
  const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value, quiet: isQuiet ? "1" : "" });
  const answer = await fetch(form.dataset.options, { method: "POST", body });
  // The sign-in is too old by now: the page asks for a new one.
  if (answer.status === 403) { location.reload(); }
  if (!answer.ok) { throw new Error("refused"); }
  return PublicKeyCredential.parseCreationOptionsFromJSON(await answer.json());
}

function send(credential, isQuiet) {
  form.elements.credential.value = JSON.stringify(credential);
  form.elements.quiet.value = isQuiet ? "1" : "";
  form.submit();
}

function words(error) {
  if (error.name === "InvalidStateError") { return form.dataset.known; }
  return error.name === "NotAllowedError" ? form.dataset.cancelled : form.dataset.failed;
}

async function make(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  quiet.abort();
  tell("");
  button.disabled = true;
  try {
    send(await navigator.credentials.create({ publicKey: await asked(false) }), false);
  } catch (error) {
    button.disabled = false;
    tell(words(error));
    button.focus();
  }
}

async function quietly() {
  const can = PublicKeyCredential.getClientCapabilities ? await PublicKeyCredential.getClientCapabilities() : {};
  if (!can.conditionalCreate) { return; }
  try {
    send(await navigator.credentials.create({ publicKey: await asked(true), mediation: "conditional", signal: quiet.signal }), true);
  } catch {
    // The browser would not: the page asks.
  }
}

if (form && able()) {
  form.hidden = false;
  document.querySelector("[data-passkey-unable]").hidden = true;
  form.addEventListener("submit", make);
  window.addEventListener("pageshow", () => { form.elements.credential.value = ""; form.querySelector("button").disabled = false; });
  if (form.dataset.quiet) { quietly(); }
}
