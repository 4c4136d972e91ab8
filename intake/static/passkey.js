// Lets the browser make or use a passkey, and sends what it answers with the form it belongs to.
(() => {
  "use strict";
  const form = document.querySelector("form[data-passkey]");
  if (!form) return;
  const say = (name) => form.querySelectorAll("[data-say]").forEach((p) => { p.hidden = p.dataset.say !== name; });
  if (!window.PublicKeyCredential) { say("none"); return; }
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const words = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const options = JSON.parse(form.dataset.options);
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of [options.excludeCredentials, options.allowCredentials])
    for (const each of list || []) each.id = bytes(each.id);
  const make = form.dataset.passkey === "make";
  async function ask() {
    say("wait");
    try {
      const key = await navigator.credentials[make ? "create" : "get"]({ publicKey: options });
      const response = {};
      for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
        if (key.response[name]) response[name] = words(key.response[name]);
      const answer = { id: key.id, rawId: words(key.rawId), type: key.type, response, clientExtensionResults: {} };
      form.elements.answer.value = JSON.stringify(answer);
      form.submit();
    } catch { say("failed"); }
  }
  form.addEventListener("submit", (e) => { e.preventDefault(); ask(); });
  if (!make && !form.dataset.again) ask();
})();
