import { Refused, Tokens } from "./tokens.js";

const { issuer } = await (await fetch("config.json")).json();
const tokens = new Tokens(issuer);
const at = (id) => document.getElementById(id);

function show(isSignedIn, message = "") {
  at("sign-in").hidden = isSignedIn;
  at("signed-in").hidden = !isSignedIn;
  at("message").textContent = message;
}

async function ask() {
  const answer = await tokens.fetch("me");
  at("person").value = (await answer.json()).id;
}

// Does what a button is for, and says what was refused.
function on(id, event, act) {
  at(id).addEventListener(event, async (occurred) => {
    occurred.preventDefault();
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      show(tokens.access !== null, error.message);
    }
  });
}

on("sign-in", "submit", async () => {
  await tokens.signIn(at("username").value, at("password").value);
  at("password").value = "";
  await ask();
  show(true);
});
on("ask", "click", async () => {
  await ask();
  show(true, "Asked.");
});
on("refresh", "click", async () => {
  await tokens.renew();
  show(true, "Refreshed.");
});
on("sign-out", "click", async () => {
  await tokens.signOut();
  show(false, "Signed out.");
});
show(false);
