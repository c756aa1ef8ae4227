/*
  Makes an account with a passkey instead of a password: first where this device can keep one, else by the other button.
  Without script, or where the browser cannot, the form asks for a password.
*/
const form = document.querySelector("[data-passkey-join]");

function able() {
  return Boolean(window.PublicKeyCredential && PublicKeyCredential.parseCreationOptionsFromJSON && PublicKeyCredential.prototype.toJSON);
}

const part = (name) => form.querySelector(`[data-join-${name}]`);
const password = () => part("password").querySelector("input");

function tell(words) {
  const line = form.querySelector("[data-passkey-error]");
  line.querySelector("[data-passkey-words]").textContent = words;
  line.hidden = !words;
}

function show(way) {
  const isPasskey = way === "passkey";
  form.elements.way.value = way;
  part("passkey").hidden = !isPasskey;
  part("password").hidden = isPasskey;
  // What is not shown is not asked for.
  password().disabled = isPasskey;
}

async function asked() {
  const body = new URLSearchParams();
  ["csrf_token", "name", "username"].forEach((name) => body.set(name, form.elements[name].value));
  const answer = await fetch(form.dataset.options, { method: "POST", body });
  if (answer.ok) { return answer.json(); }
  if (answer.status === 409) { return null; }
  throw new Error("refused");
}

async function make(event) {
  if (form.elements.way.value !== "passkey") { return; }
  event.preventDefault();
  const button = part("passkey").querySelector("button");
  tell("");
  button.disabled = true;
  try {
    const given = await asked();
    if (given) {
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(given.publicKey);
      form.elements.account.value = given.account;
      form.elements.credential.value = JSON.stringify(await navigator.credentials.create({ publicKey }));
    }
    // Without anything made, the page that answers says why.
    form.submit();
  } catch (error) {
    button.disabled = false;
    tell(error.name === "NotAllowedError" ? form.dataset.cancelled : form.dataset.failed);
    button.focus();
  }
}

function turn(way, field) {
  tell("");
  show(way);
  field().focus();
}

async function start() {
  form.addEventListener("submit", make);
  form.querySelector("[data-use-password]").addEventListener("click", () => turn("password", password));
  form.querySelector("[data-use-passkey]").addEventListener("click", () => turn("passkey", () => part("passkey").querySelector("button")));
  form.querySelector("[data-use-passkey]").hidden = false;
  window.addEventListener("pageshow", () => { form.elements.credential.value = ""; part("passkey").querySelector("button").disabled = false; });
  const chosen = form.dataset.way;
  const keeps = !chosen && PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable && await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
  // Who has begun to type a password is not interrupted.
  if (chosen === "passkey" || (keeps && !password().value)) { show("passkey"); }
}

if (form && able()) { start(); }
