/* Reveals the copy buttons; a page without script keeps its selectable text. */
(function () {
  "use strict";
  if (!navigator.clipboard) { return; }

  function activate(button) {
    var label = button.querySelector("[data-copy-label]");
    var words = label.textContent;
    button.hidden = false;
    button.addEventListener("click", function () {
      var source = document.getElementById(button.getAttribute("data-copy"));
      navigator.clipboard.writeText(source.innerText.trim()).then(function () {
        label.textContent = button.getAttribute("data-say");
        window.setTimeout(function () { label.textContent = words; }, 2000);
      }, function () {
        window.getSelection().selectAllChildren(source);
      });
    });
  }

  Array.prototype.forEach.call(document.querySelectorAll("[data-copy]"), activate);
}());
