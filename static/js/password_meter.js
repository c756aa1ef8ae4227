/* Says in words how hard a new password is to guess: asks the server when typing pauses. */
(function () {
  "use strict";

  var PAUSE = 500;
  var NAMES = ["csrf_token", "username", "email", "name"];

  function question(form, password) {
    var body = new URLSearchParams();
    NAMES.forEach(function (name) {
      var control = form.elements.namedItem(name);
      if (control && typeof control.value === "string") { body.set(name, control.value); }
    });
    body.set("password", password);
    return body;
  }

  function activate(meter) {
    var input = document.getElementById(meter.getAttribute("data-for"));
    var timer = 0;
    var asked = null;

    function say(sentence, ok) {
      meter.textContent = sentence;
      meter.className = "password__meter" + (sentence ? ok ? " password__meter--good" : " password__meter--weak" : "");
    }

    function ask() {
      asked = new AbortController();
      fetch(meter.getAttribute("data-meter"), { method: "POST", body: question(input.form, input.value), signal: asked.signal })
        .then(function (answer) { return answer.ok ? answer.json() : { sentence: "", ok: false }; })
        .then(function (found) { say(found.sentence, found.ok); })
        .catch(function () { /* Asked again meanwhile, or nobody answers: sending the form tells. */ });
    }

    function stop() {
      window.clearTimeout(timer);
      if (asked) { asked.abort(); }
    }

    // What is sent needs no more judging, and a question behind it would come with a form that is spent.
    input.form.addEventListener("submit", stop);
    input.addEventListener("input", function () {
      stop();
      if (input.value.length < Number(meter.getAttribute("data-least"))) {
        say("", false);
      } else {
        timer = window.setTimeout(ask, PAUSE);
      }
    });
  }

  Array.prototype.forEach.call(document.querySelectorAll("[data-meter]"), activate);
}());
