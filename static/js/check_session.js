/*
  Answers an app that asks whether the state of this browser is still the one of its session_state: "unchanged",
  "changed" or "error" (OpenID Connect Session Management section 3.2). Written for the oldest engines: no classes,
  no promises, and a SHA-256 of its own, since some have none for script.
*/
(function () {
  "use strict";
  var name = document.getElementById("check-session").getAttribute("data-cookie");

  /* The first 32 bits of the fractional parts of roots of the first primes (FIPS 180-4 section 4.2.2 and 5.3.3). */
  function fraction(value) { return Math.floor((value - Math.floor(value)) * 4294967296) | 0; }
  var K = [], START = [];
  (function () {
    var number = 2, divisor, prime;
    while (K.length < 64) {
      prime = true;
      for (divisor = 2; divisor * divisor <= number; divisor += 1) {
        if (number % divisor === 0) { prime = false; break; }
      }
      if (prime) {
        if (START.length < 8) { START.push(fraction(Math.pow(number, 1 / 2))); }
        K.push(fraction(Math.pow(number, 1 / 3)));
      }
      number += 1;
    }
  }());

  function rotate(word, count) { return (word >>> count) | (word << (32 - count)); }

  /* The words of the text in UTF-8, with the bit 1 and the length behind it, in blocks of sixteen. */
  function blocks(text) {
    var bytes = unescape(encodeURIComponent(text)), words = [], index;
    var total = ((bytes.length + 8) >> 6) * 16 + 16;
    for (index = 0; index < total; index += 1) { words.push(0); }
    for (index = 0; index < bytes.length; index += 1) {
      words[index >> 2] |= bytes.charCodeAt(index) << (24 - (index % 4) * 8);
    }
    words[bytes.length >> 2] |= 0x80 << (24 - (bytes.length % 4) * 8);
    words[total - 1] = bytes.length * 8;
    return words;
  }

  function sha256(text) {
    var words = blocks(text), hash = START.slice(0), block, w, state, i, s0, s1, t1, t2, hex = "";
    for (block = 0; block < words.length; block += 16) {
      w = words.slice(block, block + 16);
      for (i = 16; i < 64; i += 1) {
        s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >>> 3);
        s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >>> 10);
        w.push((w[i - 16] + s0 + w[i - 7] + s1) | 0);
      }
      state = hash.slice(0);
      for (i = 0; i < 64; i += 1) {
        s1 = rotate(state[4], 6) ^ rotate(state[4], 11) ^ rotate(state[4], 25);
        t1 = (state[7] + s1 + ((state[4] & state[5]) ^ (~state[4] & state[6])) + K[i] + w[i]) | 0;
        s0 = rotate(state[0], 2) ^ rotate(state[0], 13) ^ rotate(state[0], 22);
        t2 = (s0 + ((state[0] & state[1]) ^ (state[0] & state[2]) ^ (state[1] & state[2]))) | 0;
        state = [(t1 + t2) | 0, state[0], state[1], state[2], (state[3] + t1) | 0, state[4], state[5], state[6]];
      }
      for (i = 0; i < 8; i += 1) { hash[i] = (hash[i] + state[i]) | 0; }
    }
    for (i = 0; i < 8; i += 1) { hex += ("0000000" + (hash[i] >>> 0).toString(16)).slice(-8); }
    return hex;
  }

  function browserState() {
    var cookies = document.cookie.split("; "), index;
    for (index = 0; index < cookies.length; index += 1) {
      if (cookies[index].indexOf(name + "=") === 0) { return cookies[index].slice(name.length + 1); }
    }
    return "";
  }

  function answer(message, origin) {
    var parts, state, salt;
    if (typeof message !== "string" || message.length > 2000) { return "error"; }
    parts = message.split(" ");
    if (parts.length !== 2 || !parts[0] || !parts[1]) { return "error"; }
    salt = parts[1].slice(parts[1].indexOf(".") + 1);
    if (parts[1].indexOf(".") !== 64 || !salt) { return "error"; }
    /* A browser that keeps the cookie from frames: nothing can be said, and asking again would not help. */
    state = browserState();
    if (!state) { return "error"; }
    return sha256(parts[0] + " " + origin + " " + state + " " + salt) + "." + salt === parts[1] ? "unchanged" : "changed";
  }

  window.addEventListener("message", function (event) {
    if (event.source && event.source !== window && /^https?:\/\//.test(event.origin)) {
      event.source.postMessage(answer(event.data, event.origin), event.origin);
    }
  });
}());
