// Small helps for every page, public ones too. Each page works without this file.
(() => {
  "use strict";
  const doc = document;
  doc.documentElement.classList.add("js");
  const on = (type, run, root = window) => root.addEventListener(type, run);

  // Leave this site: no way back by the Back button; Shift three times does the same.
  const leave = doc.querySelector("[data-leave]");
  let shifts = 0;
  const go = () => {
    if (leave.dataset.clear) {
      const body = new FormData();
      const token = doc.querySelector("[name=csrf_token]");
      if (token) body.append("csrf_token", token.value);
      navigator.sendBeacon(leave.dataset.clear, body);
    }
    location.replace(leave.dataset.leave || leave.href);
  };
  if (leave) {
    on("click", (e) => { e.preventDefault(); go(); }, leave);
    on("keydown", (e) => {
      if (e.repeat) return;
      shifts = e.key === "Shift" ? shifts + 1 : 0;
      if (shifts === 3) go();
    });
  }

  // The error summary takes the focus, so that it is read first.
  doc.querySelector("[data-focus]")?.focus();

  // A form is sent once. Window, not document: handlers that send it another way have spoken before.
  const free = (form) => {
    delete form.dataset.sent;
    form.querySelectorAll("[aria-disabled=true]").forEach((b) => b.removeAttribute("aria-disabled"));
  };
  on("submit", (e) => {
    const form = e.target;
    if (e.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { e.preventDefault(); return; }
    form.dataset.sent = "1";
    e.submitter?.setAttribute("aria-disabled", "true");
    setTimeout(free, 10000, form);
  });
  on("pageshow", () => doc.querySelectorAll("form[data-sent]").forEach(free));

  // "None of these" and the other boxes of a group exclude each other.
  on("change", (e) => {
    const box = e.target;
    if (box.type !== "checkbox" || !box.checked) return;
    const group = box.closest("fieldset");
    const none = group?.querySelector("[data-none]");
    if (!none) return;
    group.querySelectorAll("input[type=checkbox]").forEach((b) => {
      if (b !== box && (box === none || b === none)) b.checked = false;
    });
  }, doc);

  on("click", (e) => {
    if (e.target.closest("[data-print]")) { e.preventDefault(); print(); }
  }, doc);
  on("change", (e) => {
    const field = e.target.dataset.show && doc.getElementById(e.target.dataset.show);
    if (field) field.type = e.target.checked ? "text" : "password";
  }, doc);
})();
