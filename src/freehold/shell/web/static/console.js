"use strict";
// Live updates, and comforts that a page does without: nothing here is needed to use the console.
(() => {
  const body = document.body;

  // times are shown in the zone where they are read: from the next page on
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && body.dataset.root && !document.cookie.includes(`freehold_browser_zone=${zone}`)) {
    document.cookie = `freehold_browser_zone=${zone}; path=${body.dataset.root}; max-age=31536000; samesite=strict`;
  }

  // a row of tabs that scrolls shows where we are
  for (const here of document.querySelectorAll(".tabs [aria-current]")) here.scrollIntoView({ inline: "center", block: "nearest" });

  // one click, one request
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (!form.hasAttribute("data-once")) return;
    form.dataset.sent = "yes";
    const button = event.submitter || form.querySelector("button[type=submit]");
    if (!button) return;
    button.setAttribute("aria-busy", "true");
    if (button.dataset.busy) button.textContent = button.dataset.busy;
  });
  // a page that comes back out of the browser's memory can be sent again
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submit-on-change]");
    if (form) form.requestSubmit();
  });

  // what all ticked owners allow stands in the field, until another number is typed
  const budget = document.getElementById("f-epsilon");
  budget?.addEventListener("input", () => { budget.dataset.typed = "yes"; });
  document.addEventListener("change", (event) => {
    if (!budget || budget.dataset.typed || !event.target.matches("[data-allows]")) return;
    const allowed = [...document.querySelectorAll("[data-allows]:checked")].map((one) => one.dataset.allows);
    budget.value = allowed.sort((one, other) => one - other)[0] ?? "";
  });

  // with no choice made yet, the button for colours changes what is seen now
  const theme = document.querySelector(".account input[name=theme]");
  if (theme && !document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches) {
    theme.value = "light";
    theme.form.querySelector(".to").textContent = theme.form.dataset.light;
  }

  const dress = (root) => {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    tell("Copied");
    button.textContent = "Copied";
  });
  dress(document);

  for (const area of document.querySelectorAll(".drop")) {
    const input = area.querySelector("input[type=file]");
    if (!input) continue;
    area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
    area.addEventListener("dragleave", () => area.classList.remove("over"));
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      area.classList.remove("over");
      if (event.dataTransfer.files.length === 1) input.files = event.dataTransfer.files;
    });
  }

  // live updates: told that something changed, the page fetches itself and swaps what carries data-live
  const told = document.getElementById("told");
  const tell = (text) => { if (told) told.textContent = text; };
  if (!body.dataset.events || !window.EventSource) return;

  const key = (details) => details.id || details.querySelector("summary")?.textContent.trim();
  const editing = (region) => {
    const active = document.activeElement;
    return region.contains(active) && active.matches("input:not([type=hidden]), textarea, select");
  };
  const path = (region, element) => {
    const all = [...region.querySelectorAll("a, button, summary, input, select, textarea, [tabindex]")];
    return all.indexOf(element);
  };
  const swap = (old, fresh) => {
    if (editing(old)) return false;
    const open = [...old.querySelectorAll("details[open]")].map(key);
    const focused = old.contains(document.activeElement) ? path(old, document.activeElement) : -1;
    const made = document.adoptNode(fresh);
    for (const details of made.querySelectorAll("details")) if (open.includes(key(details))) details.open = true;
    dress(made);
    old.replaceWith(made);
    if (focused >= 0) made.querySelectorAll("a, button, summary, input, select, textarea, [tabindex]")[focused]?.focus();
    if (!made.closest("nav")) made.classList.add("fresh");
    return true;
  };
  // what the server sent last for each region: the page's own state (open details) must not count as change
  const sent = new Map([...document.querySelectorAll("[data-live]")].map((one) => [one.dataset.live, one.innerHTML]));

  // a part that says data-soon waits for something that no event tells of, such as a check that runs
  const soon = () => { if (document.querySelector("[data-soon]")) setTimeout(refresh, 700); };
  let busy = false, again = false;
  const refresh = async () => {
    if (document.hidden) { again = true; return; }
    if (busy) { again = true; return; }
    busy = true; again = false;
    try {
      const answer = await fetch(location.href, { headers: { "x-freehold-live": "1" }, redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect") { location.reload(); return; }
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      let changed = false;
      for (const region of fresh.querySelectorAll("[data-live]")) {
        const name = region.dataset.live, html = region.innerHTML;
        const old = document.querySelector(`[data-live="${CSS.escape(name)}"]`);
        if (!old || sent.get(name) === html) continue;
        if (swap(old, region)) { sent.set(name, html); changed = changed || !region.closest("nav"); }
      }
      if (changed) tell("This page was updated.");
    } catch { /* the node is away; the stream reconnects and asks again */ } finally {
      busy = false;
      if (again) setTimeout(refresh, 300); else soon();
    }
  };

  let stream = null;
  const listen = () => {
    if (stream || document.hidden) return;
    stream = new EventSource(body.dataset.events);
    let first = true;
    stream.addEventListener("ready", () => { if (!first) refresh(); first = false; });
    stream.addEventListener("change", (event) => {
      const wanted = document.querySelector("main")?.dataset.topics;
      if (!wanted || JSON.parse(event.data).some((topic) => wanted.split(" ").includes(topic))) refresh();
    });
    stream.addEventListener("end", () => location.reload());
  };
  // browsers allow few connections to one host: a page that nobody looks at gives its own back
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { stream?.close(); stream = null; } else { listen(); refresh(); }
  });
  window.addEventListener("pagehide", () => { stream?.close(); stream = null; });
  setInterval(refresh, 60000);
  listen();
  soon();
})();
