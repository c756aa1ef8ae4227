/* Sends the form of a one-time code once all its digits are there; a browser that fills them in sends it at once. */
(function () {
  "use strict";
  var input = document.querySelector("[data-one-time-code]");
  if (!input || !input.form || !input.form.requestSubmit) { return; }
  var length = Number(input.getAttribute("data-one-time-code"));
  var sent = false;
  input.addEventListener("input", function () {
    var digits = input.value.replace(/\s/g, "");
    if (sent || digits.length !== length || !/^\d+$/.test(digits)) { return; }
    sent = true;
    input.form.requestSubmit();
  });
}());
