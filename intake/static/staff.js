// Staff pages: keys, rows and preview, autosave, live changes, toasts. Everything here is also a link or a form,
// so a page works without this file. The data- attributes are described in docs/screens.md.
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (sel, from = document) => from.querySelector(sel);
  const $$ = (sel, from = document) => [...from.querySelectorAll(sel)];
  const seen = (node) => node.getClientRects().length > 0;
  const make = (tag, text = "", cls = "") => Object.assign(document.createElement(tag), { textContent: text, className: cls });
  const parse = (html) => new DOMParser().parseFromString(html, "text/html");
  const clock = (seconds = true) => new Date().toLocaleTimeString("en-GB", seconds ? {} : { hour: "2-digit", minute: "2-digit" });
  const csrf = () => $("meta[name=csrf]")?.content || "";
  const say = (text) => { const region = $("[data-say]"); if (region) region.textContent = text; };
  const busyWithDialog = () => Boolean($("dialog[open]") || $(".blank"));

  let lastInput = Date.now();
  for (const type of ["keydown", "pointerdown", "pointermove", "wheel"]) {
    addEventListener(type, () => { lastInput = Date.now(); }, { passive: true, capture: true });
  }

  /* ---- asking the server ---- */
  class SignedOut extends Error {}
  async function ask(url, options = {}) {
    const answer = await fetch(url, { headers: { "X-Fragment": "1" }, ...options });
    const elsewhere = answer.redirected && new URL(answer.url).pathname.startsWith("/sign-in");
    if (answer.status === 401 || elsewhere) throw new SignedOut();
    return answer;
  }
  const post = (url, body) => ask(url, { method: "POST", body, keepalive: true });

  function askToSignIn(retry) {
    if ($("#signed-out")) return;
    const box = make("dialog", "", "help"), inner = make("div"), row = make("p", "", "row mt-14");
    const link = make("a", "Sign in", "btn pri"), again = make("button", "I am signed in, go on", "btn");
    box.id = "signed-out";
    link.href = "/sign-in?next=" + encodeURIComponent(location.pathname + location.search);
    link.target = "_blank";
    again.type = "button";
    again.addEventListener("click", () => { box.close(); box.remove(); retry(); });
    row.append(link, again);
    inner.append(make("h2", "You are signed out"), make("p", "What you typed is still here. Sign in in a new window, then go on.", "mt-8"), row);
    box.append(inner);
    document.body.append(box);
    box.showModal();
  }

  /* ---- fragments: elements with an id replace the elements with that id ---- */
  function keepTyping(before, after) {
    const focused = document.activeElement;
    const twin = (node) => (node.id && after.querySelector("#" + CSS.escape(node.id))) ||
      (node.name && $$(`[name="${CSS.escape(node.name)}"]`, after).find((n) => n.type !== "radio" || n.value === node.value));
    for (const node of $$("[data-dirty]", before)) {
      const other = twin(node);
      if (!other) continue;
      if (node.type === "checkbox" || node.type === "radio") other.checked = node.checked; else other.value = node.value;
      other.dataset.dirty = "1";
    }
    if (!before.contains(focused)) return () => {};
    const other = before === focused ? after : twin(focused) || $("a.nm", after);
    const range = focused.matches("textarea, input:is([type=text],[type=search],[type=tel],:not([type]))") ? [focused.selectionStart, focused.selectionEnd] : null;
    return () => {
      if (!other) return;
      other.focus({ preventScroll: true });
      if (range && other.setSelectionRange) other.setSelectionRange(...range);
    };
  }

  function replace(before, after) {
    if (before.outerHTML === after.outerHTML) return false;
    if (before.matches(".sel")) { after.classList.add("sel"); after.setAttribute("aria-selected", "true"); }
    const refocus = keepTyping(before, after);
    before.replaceWith(after);
    refocus();
    const pane = $("[data-pane]");
    if (pane && after.matches("[data-row].sel") && !pane.contains(document.activeElement)) { pane.dataset.for = ""; preview(after); }
    return true;
  }

  // Returns what the caller cannot decide here: ids the page does not have.
  function apply(html) {
    const page = parse(html), strange = [], done = new Set();
    const named = new Set($$("[data-row]", page.body).map((n) => n.dataset.row));
    for (const node of $$("[id]", page.body)) {
      let up = node.parentElement;
      while (up && !done.has(up)) up = up.parentElement;
      if (up) continue;
      done.add(node);
      const old = document.getElementById(node.id);
      if (old) replace(old, document.adoptNode(node)); else strange.push(node);
    }
    for (const note of $$("[data-toast]", page.body)) if (!note.closest("[id]")) toast(note.textContent.trim(), note.dataset.undo);
    const wrap = $("[data-version]", page.body), title = $("[data-title]", page.body)?.dataset.title;
    if (title) document.title = title;
    return { strange, named, version: wrap?.dataset.version, full: Boolean($("[data-full]", page.body)), message: $("[data-message]", page.body)?.textContent.trim() };
  }

  // What a POST answered: nothing, a sentence, or a fragment.
  async function read(answer) {
    const type = answer.headers.get("Content-Type") || "";
    if (answer.status === 204) return {};
    if (type.includes("text/plain")) return { message: await answer.text() };
    return type.includes("html") ? apply(await answer.text()) : {};
  }

  /* ---- toast with undo ---- */
  let toastTimer = 0;
  const fade = (node) => { clearTimeout(toastTimer); toastTimer = setTimeout(() => node.remove(), 10000); };
  function toast(text, undo) {
    $$(".toast").forEach((t) => t.remove());
    const box = make("div", "", "toast");
    box.setAttribute("role", "status");
    box.append(make("span", text));
    if (undo) {
      const form = make("form"), button = make("button", "Undo"), token = make("input");
      Object.assign(form, { method: "post", action: undo });
      Object.assign(token, { type: "hidden", name: "csrf_token", value: csrf() });
      form.dataset.swap = "";
      button.dataset.key = "z";
      form.append(token, button);
      box.append(form, make("kbd", "z"));
    }
    document.body.append(box);
    fade(box);
  }
  $$(".toast[data-toast]").forEach(fade);

  /* ---- rows, selection, preview ---- */
  const rows = () => $$("[data-row]").filter(seen);
  const picked = () => $("[data-row].sel");
  let previewing = null;

  async function preview(row) {
    const pane = $("[data-pane]");
    if (!row?.dataset.preview || !pane || !seen(pane) || pane.dataset.for === row.dataset.row) return;
    previewing?.abort();
    previewing = new AbortController();
    pane.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(row.dataset.preview, { signal: previewing.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      pane.replaceChildren(...parse(await answer.text()).body.childNodes);
      pane.dataset.for = row.dataset.row;
      pane.removeAttribute("aria-busy");
    } catch (problem) {
      if (problem.name === "AbortError") return;
      pane.removeAttribute("aria-busy");
      delete pane.dataset.for;
      if (problem instanceof SignedOut) askToSignIn(() => preview(row));
      else pane.replaceChildren(make("p", "The preview did not load. Open the case instead.", "body muted"));
    }
  }

  let previewTimer = 0;
  function pick(row, focus = true) {
    if (!row) return;
    for (const other of $$("[data-row].sel")) { other.classList.remove("sel"); other.removeAttribute("aria-selected"); }
    row.classList.add("sel");
    row.setAttribute("aria-selected", "true");
    if (focus) { $("a.nm, a", row)?.focus({ preventScroll: true }); row.scrollIntoView({ block: "nearest" }); }
    clearTimeout(previewTimer);
    previewTimer = setTimeout(preview, 90, row);
  }
  function move(step) {
    const all = rows(), at = all.indexOf(picked());
    pick(all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + step))]);
  }
  document.addEventListener("click", (e) => {
    const row = e.target.closest("[data-row]");
    if (row) pick(row, false);
  });

  /* ---- filter box: words, p2, cows>12 ---- */
  const compare = { ">": (a, b) => a > b, "<": (a, b) => a < b, "=": (a, b) => a === b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b };
  function fits(row, word) {
    const pri = /^p([1-4])$/.exec(word), sum = /^([a-z_]+)(>=|<=|>|<|=)(\d+(?:\.\d+)?)$/.exec(word);
    if (pri && row.dataset.fP) return row.dataset.fP === pri[1];
    if (sum) {
      const value = row.getAttribute("data-f-" + sum[1]);
      return value !== null && compare[sum[2]](Number(value), Number(sum[3]));
    }
    return row.textContent.toLowerCase().includes(word);
  }
  function filter(box) {
    const table = document.getElementById(box.dataset.filter);
    if (!table) return;
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean), all = $$("[data-row]", table);
    let shown = 0;
    for (const row of all) { row.hidden = !words.every((w) => fits(row, w)); shown += row.hidden ? 0 : 1; }
    const count = $("[data-filter-count]", box.form || table.parentElement);
    if (count) count.textContent = words.length ? `${shown} of ${all.length} on this page` : "";
  }
  const refilter = () => $$("[data-filter]").forEach(filter);
  document.addEventListener("input", (e) => {
    if (!e.target.matches("[data-filter]")) return;
    filter(e.target);
    if (!e.target.name) return;
    const here = new URL(location.href);
    if (e.target.value) here.searchParams.set(e.target.name, e.target.value); else here.searchParams.delete(e.target.name);
    history.replaceState(null, "", here);
  });

  /* ---- autosave ---- */
  const saves = new WeakMap();
  const state = (form) => saves.get(form) || saves.set(form, { fields: new Map(), busy: null, failed: false }).get(form);
  const spot = (form) => $("[data-saved]", form) || $("[data-saved]");

  function saved(form, text, retry, full) {
    const place = spot(form);
    if (!place) return;
    place.classList.toggle("bad", Boolean(retry || full));
    place.replaceChildren(text);
    if (retry) {
      const button = make("button", "Retry");
      button.type = "button";
      button.addEventListener("click", retry);
      place.append(" - ", button);
    }
    if (full) {
      const button = make("button", "See both");
      button.type = "button";
      button.addEventListener("click", () => { state(form).fields.clear(); form.submit(); });
      place.append(" - ", button);
    }
  }

  async function saveOne(form, name) {
    const body = new URLSearchParams({ csrf_token: csrf(), _field: name });
    if (form.elements.version) body.append("version", form.elements.version.value);
    const values = new FormData(form).getAll(name);
    (values.length ? values : [""]).forEach((v) => body.append(name, v));
    const answer = await post(form.dataset.autosave, body);
    const result = await read(answer);
    const version = answer.headers.get("X-Version") || result.version;
    if (version && form.elements.version) form.elements.version.value = version;
    return { ok: answer.ok, status: answer.status, message: result.message };
  }

  async function drain(form) {
    const work = state(form);
    while (work.fields.size) {
      const name = work.fields.keys().next().value, stamp = work.fields.get(name);
      let result;
      try {
        result = await saveOne(form, name);
      } catch (problem) {
        work.failed = true;
        saved(form, "Not saved", () => flush(form));
        if (problem instanceof SignedOut) askToSignIn(() => flush(form));
        return false;
      }
      if (result.status >= 500 || result.status === 429) { work.failed = true; saved(form, "Not saved", () => flush(form)); return false; }
      if (work.fields.get(name) === stamp) {
        work.fields.delete(name);
        $$(`[name="${CSS.escape(name)}"]`, form).forEach((n) => delete n.dataset.dirty);
      }
      work.failed = !result.ok;
      if (result.status === 409) { saved(form, result.message || "Not saved: someone else saved first", null, true); return false; }
      saved(form, result.ok ? "Saved " + clock() : "Not saved: " + (result.message || "please look at the field"));
      if (!result.ok) spot(form)?.classList.add("bad");
    }
    return true;
  }
  function flush(form) {
    const work = state(form);
    if (!work.busy) work.busy = drain(form).finally(() => { work.busy = null; });
    return work.busy;
  }
  const timers = new WeakMap();
  function changed(control, wait) {
    const form = control.form;
    if (!form?.dataset.autosave || !control.name || control.type === "hidden" || control.type === "file") return;
    state(form).fields.set(control.name, Date.now() + Math.random());
    control.dataset.dirty = "1";
    clearTimeout(timers.get(control));
    if (wait) timers.set(control, setTimeout(flush, wait, form)); else flush(form);
  }
  document.addEventListener("change", (e) => changed(e.target, 0));
  document.addEventListener("input", (e) => { if (e.target.matches("textarea, input:not([type=radio], [type=checkbox])")) changed(e.target, 900); });
  const unsaved = () => $$("form[data-autosave]").some((f) => state(f).fields.size);
  let leaving = false;
  addEventListener("beforeunload", (e) => { if (!leaving && unsaved()) e.preventDefault(); });

  /* ---- forms: wait for the running save; data-swap goes by fetch ---- */
  const label = (form, by) => (by?.textContent || "That").replace(/\s+/g, " ").trim();
  async function swap(form, by) {
    const place = form.closest("[data-row]") || form;
    place.classList.add("busy");
    by?.setAttribute("aria-disabled", "true");
    try {
      const answer = await post(form.action, new URLSearchParams(new FormData(form, by)));
      if (answer.redirected) { leaving = true; location.assign(answer.url); return; }
      const result = await read(answer);
      if (!answer.ok) toast(result.message || `${label(form, by)} did not work. Load the page again.`);
    } catch (problem) {
      if (problem instanceof SignedOut) askToSignIn(() => swap(form, by));
      else toast("No connection. Nothing was changed, please try again.");
    } finally {
      place.classList.remove("busy");
      by?.removeAttribute("aria-disabled");
    }
  }
  document.addEventListener("submit", (e) => {
    const form = e.target, by = e.submitter;
    if (form.dataset.swap !== undefined) {
      e.preventDefault();
      if (by?.getAttribute("aria-disabled") !== "true") swap(form, by);
      return;
    }
    if (form.dataset.autosave && state(form).busy) {
      e.preventDefault();
      state(form).busy.finally(() => { leaving = true; form.requestSubmit(by || undefined); });
      return;
    }
    if (form.method === "post") leaving = true;
  });
  addEventListener("pageshow", () => { leaving = false; });

  /* ---- live changes ---- */
  let lost = "";
  function connection(ok, text) {
    const sign = $("[data-live-state]");
    if (!sign) return;
    sign.hidden = false;
    if (ok) lost = ""; else lost ||= clock(false);
    const words = ok ? "Live" : `${text} ${lost}, data may be old`;
    sign.classList.toggle("off", !ok);
    if (sign.textContent !== words) sign.textContent = words;
  }

  function watch(live) {
    const fresh = new Set();
    let timer = 0, asking = false, paused = false;

    const bar = (n) => {
      const note = $("[data-newbar]");
      if (!note) return;
      note.hidden = n === 0;
      const words = n === 1 ? "1 new" : `${n} new`;
      if (n) { $("[data-newbar-text]", note).textContent = words; say(words); }
    };

    // The page itself is the truth of the list: Show fetches it and takes over the list and the heading.
    async function show() {
      try {
        const page = parse(await (await ask(location.href, { headers: {} })).text());
        const next = page.getElementById(live.id), at = picked()?.dataset.row;
        if (!next) { location.reload(); return; }
        for (const part of [".head", ".side"]) {
          const was = $(part), now = $(part, page);
          if (was && now) was.replaceChildren(...now.childNodes);
        }
        live.dataset.live = next.dataset.live;
        live.replaceChildren(...next.childNodes);
        document.title = page.title;
        fresh.clear();
        refilter();
        pick($(`[data-row="${CSS.escape(at || "")}"]`) || rows()[0], false);
        say("The list is up to date");
      } catch (problem) {
        if (problem instanceof SignedOut) askToSignIn(show); else connection(false, "Offline since");
      }
    }

    function take(answer, html) {
      const result = apply(html), here = new URL(live.dataset.live, location.href);
      const version = answer.headers.get("X-Version") || result.version;
      if (version) { here.searchParams.set("since", version); live.dataset.live = here.pathname + here.search; }
      for (const node of result.strange) {
        if (node.matches("[data-row]") && !node.matches(".gone")) fresh.add(node.dataset.row);
      }
      if (result.full) {
        for (const row of $$("[data-row]", live)) if (!result.named.has(row.dataset.row)) row.classList.add("gone");
      }
      bar(fresh.size);
      refilter();
    }

    async function turn() {
      if (asking || document.hidden || paused) return;
      asking = true;
      try {
        const url = new URL(live.dataset.live, location.href), row = picked();
        if (row) url.searchParams.set("look", row.dataset.row);
        const answer = await ask(url);
        if (answer.status === 200) take(answer, await answer.text());
        connection(answer.ok, "Not updated since");
      } catch (problem) {
        if (problem instanceof SignedOut) { paused = true; connection(false, "Signed out since"); askToSignIn(() => { paused = false; turn(); }); }
        else connection(false, "Offline since");
      } finally {
        asking = false;
        next();
      }
    }
    function next() {
      clearTimeout(timer);
      if (live.isConnected && !document.hidden) timer = setTimeout(turn, Date.now() - lastInput > 60000 ? 10000 : 2000);
    }
    document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
    for (const type of ["online", "offline"]) addEventListener(type, turn);
    document.addEventListener("click", (e) => {
      if (e.target.closest("[data-newbar-show]")) { e.preventDefault(); show(); }
    });
    connection(true);
    next();
  }
  $$("[data-live]").forEach(watch);

  /* ---- one registry of keys: it makes the handlers and the help sheet ---- */
  const press = (key) => {
    const all = $$(`[data-key="${CSS.escape(key)}"]`).filter((n) => seen(n) || n.closest("details.me"));
    const row = picked(), inRow = all.find((n) => row?.contains(n));
    const target = inRow || all.find((n) => !n.closest("[data-row]"));
    if (target) target.click();
  };
  const hideNames = () => {
    const on = root.classList.toggle("hide-names");
    document.cookie = `hide_names=${on ? 1 : 0}; path=/; SameSite=Strict`;
    $$("[data-hide]").forEach((b) => b.setAttribute("aria-pressed", String(on)));
    say(on ? "Names are hidden" : "Names are shown");
  };
  const KEYS = [
    ["/", "Find a person", () => $("#find-q")?.focus()], ["n", "New call"], ["!", "Emergency script"],
    ["g i", "Go to inbox"], ["g a", "Go to act now"], ["g d", "Go to detox"], ["g o", "Go to outpatient"], ["g c", "Go to callback"],
    ["j", "Next row", () => move(1)], ["k", "Previous row", () => move(-1)], ["Enter", "Open", null],
    ["c", "Claim"], ["u", "Give back"], ["z", "Undo"], ["s", "Start screening"], ["w", "New COWS"], ["t", "Taper plan"], ["e", "Note"],
    ["a", "Accept the suggestion"], ["o", "Choose something else"], ["h", "Hide names", hideNames], [".", "Show new rows"],
    ["Ctrl Enter", "Save", null], ["?", "This list", () => help()],
  ];
  const handlers = new Map(KEYS.filter(([, , run]) => run !== null).map(([key, , run]) => [key, run || (() => press(key))]));

  function help() {
    let sheet = $("#key-sheet");
    if (!sheet) {
      sheet = make("dialog", "", "help");
      sheet.id = "key-sheet";
      sheet.setAttribute("aria-label", "Keys");
      const inner = make("div"), list = make("dl", "", "kv"), shut = make("button", "Close", "btn");
      for (const [key, words] of KEYS) {
        const term = make("dt");
        term.append(make("kbd", key));
        list.append(term, make("dd", words));
      }
      shut.type = "button";
      shut.addEventListener("click", () => sheet.close());
      inner.append(make("h2", root.dataset.keys === "off" ? "Keys (switched off in your settings)" : "Keys"), list, shut);
      sheet.append(inner);
      document.body.append(sheet);
    }
    sheet.showModal();
  }

  let prefix = "";
  function keyPressed(e) {
    if (root.dataset.keys === "off" || busyWithDialog() || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.target.matches("input, textarea, select, [contenteditable]")) return;
    if (e.key === "Enter") {
      if (e.target === document.body) $("a.nm, a", picked() || document.createElement("i"))?.click();
      return;
    }
    const key = prefix ? `${prefix} ${e.key}` : e.key;
    prefix = "";
    if (key === "g") { prefix = "g"; setTimeout(() => { prefix = ""; }, 1500); return; }
    const run = handlers.get(key);
    if (run) { e.preventDefault(); run(); }
  }

  /* ---- radio groups: digits pick, arrows move between items ---- */
  function items(list) { return $$("[role=radiogroup]", list).filter(seen); }
  function enter(group) {
    const radio = group && ($("input:checked", group) || $("input", group));
    if (!radio) return false;
    radio.focus();
    radio.closest("li, [role=radiogroup]").scrollIntoView({ block: "nearest" });
    return true;
  }
  function radioKey(e) {
    const group = e.target.type === "radio" && e.target.closest("[data-digits]");
    if (!group || e.ctrlKey || e.metaKey || e.altKey) return false;
    const list = group.closest("[data-items]"), radios = $$("input", group);
    if (/^\d$/.test(e.key)) {
      const numbers = radios.some((r) => /^\d+$/.test(r.value));
      const hit = numbers ? radios.find((r) => r.value === e.key) : radios[Number(e.key) - 1];
      if (!hit) return true;
      e.preventDefault();
      hit.focus();
      if (!hit.checked) hit.click();
      if (list?.dataset.items === "advance") enter(items(list)[items(list).indexOf(group) + 1]);
      return true;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (list && step) { e.preventDefault(); enter(items(list)[items(list).indexOf(group) + step]); return true; }
    return false;
  }
  document.addEventListener("change", (e) => {
    if (e.target.type !== "radio" || e.target.dataset.m === undefined) return;
    const meaning = $("[data-meaning]", e.target.closest("li, tr, fieldset, .field") || document.createElement("i"));
    if (meaning) meaning.textContent = e.target.dataset.m;
  });

  /* ---- grid: Enter goes down; Ctrl+Enter sends ---- */
  function gridKey(e) {
    const table = e.key === "Enter" && !e.ctrlKey && !e.metaKey && e.target.matches("input") && e.target.closest("table[data-grid]");
    if (!table) return false;
    const column = e.target.closest("td").cellIndex, lines = $$("tbody tr", table).filter((r) => r.cells[column] && $("input", r.cells[column]));
    const at = lines.indexOf(e.target.closest("tr")) + (e.shiftKey ? -1 : 1);
    e.preventDefault();
    const below = lines[at] && $("input", lines[at].cells[column]);
    if (below) { below.focus(); below.select?.(); } else e.target.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }
  function sendKey(e) {
    if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey) || busyWithDialog()) return false;
    const main = $("[data-submit]"), form = e.target.form || e.target.closest("form") || main?.form;
    if (!form || form.matches(".find")) return false;
    const button = main?.form === form ? main : [...form.elements].find((b) => b.type === "submit");
    e.preventDefault();
    form.requestSubmit(button || undefined);
    return true;
  }
  addEventListener("keydown", (e) => {
    if (!(e.target instanceof Element)) return;
    if (e.key === "Escape") { $$("details[data-menu][open]").forEach((m) => { m.open = false; $("summary", m).focus(); }); return; }
    if (sendKey(e) || gridKey(e) || radioKey(e)) return;
    keyPressed(e);
  });

  /* ---- small things ---- */
  document.addEventListener("click", (e) => {
    const opener = e.target.closest("[data-dialog]");
    if (opener) {
      const box = document.getElementById(opener.dataset.dialog);
      if (box?.showModal) { e.preventDefault(); box.showModal(); }
    }
    if (e.target.closest("[data-help]")) { e.preventDefault(); help(); }
    if (e.target.closest("[data-hide]") && e.target.closest("button")) hideNames();
    $$("details[data-menu][open]").forEach((m) => { if (!m.contains(e.target)) m.open = false; });
  });
  $$("[data-hide]").forEach((b) => b.setAttribute("aria-pressed", String(root.classList.contains("hide-names"))));

  const counters = $$("[data-timer]");
  const count = () => counters.forEach((n) => {
    const s = Math.max(0, Math.floor((Date.now() - Date.parse(n.dataset.timer)) / 1000));
    n.textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  });
  if (counters.length) { count(); setInterval(count, 1000); }

  // Typing keeps the session alive; asking for changes never does.
  const ping = document.body.dataset.ping;
  let pinged = Date.now();
  if (ping) {
    addEventListener("input", () => {
      if (Date.now() - pinged < 120000) return;
      pinged = Date.now();
      post(ping, new URLSearchParams({ csrf_token: csrf() })).catch((problem) => { if (problem instanceof SignedOut) askToSignIn(() => {}); });
    });
  }

  // The blank screen hides what an unattended desk would show; the first key or click only lifts it.
  const blankAfter = Number(document.body.dataset.blank || 0) * 1000;
  function blank() {
    const cover = make("div", "", "blank"), words = make("div"), app = $(".app"), button = make("button", "Show the page", "btn");
    const lift = (e) => { e?.preventDefault(); e?.stopPropagation(); removeEventListener("keydown", lift, true); cover.remove(); app.inert = false; };
    button.type = "button";
    words.append(make("p", "Hidden while you are away", "t-20"), make("p", "Press any key or click.", "mt-8 mb-18"), button);
    cover.append(words);
    cover.addEventListener("click", lift);
    addEventListener("keydown", lift, true);
    app.inert = true;
    document.body.append(cover);
    button.focus();
  }
  if (blankAfter) setInterval(() => { if (!$(".blank") && Date.now() - lastInput > blankAfter) blank(); }, 5000);

  // On a phone the open tab may stand outside its bar.
  for (const tab of document.querySelectorAll(".tabs [aria-current]")) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 40;

  refilter();
  const first = picked();
  if (first && !$("[data-pane]")?.children.length) preview(first);
})();
