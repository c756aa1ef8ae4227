/* Tells password managers which passkeys work here, and what the account is called, so that they offer no others. */
const facts = document.querySelector("[data-passkey-signals]");

if (facts && window.PublicKeyCredential && facts.dataset.rp) {
  const { rp: rpId, user: userId, name, displayName, accepted } = facts.dataset;
  if (PublicKeyCredential.signalAllAcceptedCredentials) {
    const allAcceptedCredentialIds = accepted.split(" ").filter(Boolean);
    PublicKeyCredential.signalAllAcceptedCredentials({ rpId, userId, allAcceptedCredentialIds }).catch(() => {});
  }
  if (PublicKeyCredential.signalCurrentUserDetails) {
    PublicKeyCredential.signalCurrentUserDetails({ rpId, userId, name, displayName }).catch(() => {});
  }
}
