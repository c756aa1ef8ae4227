/* Reveals the Show button of password fields; its words stay, aria-pressed tells the state. */
(function () {
  "use strict";

  function activate(box) {
    var input = box.querySelector("input");
    var button = box.querySelector("button");
    function show(visible) {
      input.type = visible ? "text" : "password";
      button.setAttribute("aria-pressed", String(visible));
    }
    input.className += " password__input--script";
    button.hidden = false;
    button.addEventListener("click", function () { show(input.type === "password"); });
    if (input.form) {
      /* A password left visible would be kept among the browser's form entries. */
      input.form.addEventListener("submit", function () { show(false); });
    }
  }

  Array.prototype.forEach.call(document.querySelectorAll("[data-password]"), activate);
}());
