/*
  Signs in, or confirms, with a passkey: by its button, and from what the browser suggests at the name field. The form
  is sent like any other, so the server answers with a page.
*/
const box = document.querySelector("[data-passkey]");
// The box is a form of its own, or stands in one.
const form = box && box.closest("form");
const offer = document.querySelector("[data-passkey-offer]");
// Challenges live for five minutes.
const RENEWED_EVERY = 4 * 60 * 1000;
let suggesting = null;

function able() {
  return Boolean(window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON && PublicKeyCredential.prototype.toJSON);
}

function tell(words) {
  const line = box.querySelector("[data-passkey-error]");
  line.querySelector("[data-passkey-words]").textContent = words;
  line.hidden = !words;
}

async function asked() {
  const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
  const answer = await fetch(box.dataset.options, { method: "POST", body });
  if (!answer.ok) { throw new Error("refused"); }
  return PublicKeyCredential.parseRequestOptionsFromJSON(await answer.json());
}

function send(credential) {
  form.elements.credential.value = JSON.stringify(credential);
  form.submit();
}

async function suggest() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", suggest, { once: true });
    return;
  }
  const mine = new AbortController();
  suggesting = mine;
  const renewal = setTimeout(() => { mine.abort(); suggest(); }, RENEWED_EVERY);
  try {
    send(await navigator.credentials.get({ publicKey: await asked(), mediation: "conditional", signal: mine.signal }));
  } catch {
    // Nothing was chosen: the form is there.
  } finally {
    clearTimeout(renewal);
  }
}

async function choose(event) {
  event.preventDefault();
  const button = form.querySelector("button:not([type=button])");
  if (suggesting) { suggesting.abort(); }
  tell("");
  button.disabled = true;
  try {
    send(await navigator.credentials.get({ publicKey: await asked() }));
  } catch (error) {
    button.disabled = false;
    tell(error.name === "NotAllowedError" ? box.dataset.cancelled : box.dataset.failed);
    button.focus();
    if (box.dataset.conditional) { suggest(); }
  }
}

async function start() {
  const unable = form.querySelector("[data-passkey-unable]");
  if (unable) { unable.hidden = true; }
  box.hidden = false;
  form.addEventListener("submit", choose);
  if (box.dataset.unknown && PublicKeyCredential.signalUnknownCredential) {
    PublicKeyCredential.signalUnknownCredential({ rpId: box.dataset.rp, credentialId: box.dataset.unknown }).catch(() => {});
  }
  // Back from the next page, the old answer is worth nothing.
  window.addEventListener("pageshow", () => { form.elements.credential.value = ""; form.querySelector("button:not([type=button])").disabled = false; });
  const suggests = box.dataset.conditional && PublicKeyCredential.isConditionalMediationAvailable;
  if (suggests && await PublicKeyCredential.isConditionalMediationAvailable()) { suggest(); }
}

if (able() && box) { start(); }
if (able() && offer && PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable) {
  PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().then((can) => { if (can) { offer.value = "1"; } });
}
