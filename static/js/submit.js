/* Sends the one form of a page that hands something on; its button is there for browsers without script. */
(function () {
  "use strict";
  var form = document.querySelector("[data-submit]");
  if (form) { form.submit(); }
}());
