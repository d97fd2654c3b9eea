"use strict";
// Comforts that a page does without: nothing here is needed to use the console. live.js keeps pages up to date.
(() => {
  const body = document.body;

  // times are shown in the zone where they are read: from the next page on
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && body.dataset.root && !document.cookie.includes(`freehold_browser_zone=${zone}`)) {
    document.cookie = `freehold_browser_zone=${zone}; path=${body.dataset.root}; max-age=31536000; samesite=strict`;
  }

  // a row of tabs that scrolls shows where we are
  for (const here of document.querySelectorAll(".tabs [aria-current]")) here.scrollIntoView({ inline: "center", block: "nearest" });

  // an answer to a form is asked for again by its address, so that reloading it sends nothing twice
  if (body.dataset.posted) history.replaceState(null, "", location.href);

  // one click, one request; while the node is away none, since the browser would throw away what was typed
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (body.classList.contains("is-away")) {
      event.preventDefault();
      document.getElementById("away").scrollIntoView({ block: "nearest" });
      return;
    }
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
    const form = event.target.closest("[data-submit-on-change]")?.closest("form");
    if (form) form.requestSubmit(form.querySelector("button[data-check]"));
  });

  // of many columns, those with a word in their name
  for (const field of document.querySelectorAll("[data-filter-for]")) {
    field.hidden = false;
    field.addEventListener("input", (event) => {
      const word = event.target.value.trim().toLowerCase();
      for (const id of field.dataset.filterFor.split(" ")) {
        for (const option of document.getElementById(id).options) option.hidden = !option.text.toLowerCase().includes(word);
      }
    });
  }

  // what all ticked owners allow stands in the field, until another number is typed
  const budget = document.getElementById("f-epsilon");
  budget?.addEventListener("input", () => { budget.dataset.typed = "yes"; });
  document.addEventListener("change", (event) => {
    if (!budget || budget.dataset.typed || !event.target.matches("[data-allows]")) return;
    const allowed = [...document.querySelectorAll("[data-allows]:checked")].map((one) => one.dataset);
    budget.value = allowed.sort((one, other) => one.allows - other.allows)[0]?.typed ?? "";
  });

  // with no choice made yet, the button for colours changes what is seen now
  const theme = document.querySelector(".account input[name=theme]");
  if (theme && !document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches) {
    theme.value = "light";
    theme.form.querySelector(".to").textContent = theme.form.dataset.light;
  }

  const dress = () => {
    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
  };
  document.addEventListener("freehold:updated", dress);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    tell(body.dataset.copied);
    button.textContent = body.dataset.copied;
  });
  dress();

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

  // said to those who do not see that something changed
  const told = document.getElementById("told");
  const tell = (text) => { if (told) told.textContent = text; };
})();
