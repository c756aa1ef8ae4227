// The pair of tokens: in the memory of this page alone, so that nothing is left behind when it is closed.

export class Refused extends Error {}

export class Tokens {
  #issuer;
  #access = null;
  #refresh = null;
  #renewing = null;

  constructor(issuer) {
    this.#issuer = issuer;
  }

  get access() {
    return this.#access;
  }

  async signIn(username, password) {
    this.#keep(await this.#post("/api/token/", { username, password }));
  }

  // Several calls that find the access token expired at once share one refresh.
  renew() {
    this.#renewing ??= this.#post("/api/token/refresh/", { refresh: this.#refresh })
      .then((pair) => this.#keep(pair))
      .finally(() => {
        this.#renewing = null;
      });
    return this.#renewing;
  }

  async signOut() {
    const refresh = this.#refresh;
    this.#access = this.#refresh = null;
    await this.#post("/api/token/blacklist/", { refresh });
  }

  // Calls the API, once more with a fresh token where the first has expired.
  async fetch(address) {
    const send = () => fetch(address, { headers: { Authorization: `Bearer ${this.#access}` } });
    const answer = await send();
    if (answer.status !== 401) return answer;
    await this.renew();
    return send();
  }

  // With rotation each refresh token is good once: the next one has to be kept.
  #keep({ access, refresh }) {
    this.#access = access;
    this.#refresh = refresh ?? this.#refresh;
  }

  async #post(path, body) {
    const answer = await fetch(this.#issuer + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const document = await answer.json();
    if (!answer.ok) throw new Refused(document.detail ?? Object.values(document).flat().join(" "));
    return document;
  }
}
