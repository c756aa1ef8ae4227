/* Saves the recovery codes as a text file, and prints the page; without script they are selected and printed by hand. */
(function () {
  "use strict";

  function text(id) {
    var lines = document.getElementById(id).querySelectorAll("li");
    return Array.prototype.map.call(lines, function (line) { return line.textContent.trim(); }).join("\n") + "\n";
  }

  function download(button) {
    var link = document.createElement("a");
    /* A data address needs no permission of the page's content security policy: it is saved, not loaded. */
    link.href = "data:text/plain;charset=utf-8," + encodeURIComponent(text(button.getAttribute("data-download")));
    link.download = button.getAttribute("data-file-name");
    link.click();
  }

  Array.prototype.forEach.call(document.querySelectorAll("[data-download]"), function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { download(button); });
  });
  Array.prototype.forEach.call(document.querySelectorAll("[data-print]"), function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });
}());
