"use strict";
// The search palette: `/` or Ctrl-K, words, arrows, Enter. Without it the search field leads to the same results.
(() => {
  const palette = document.getElementById("palette");
  if (!palette?.showModal) return;
  const field = palette.querySelector("input"), found = document.getElementById("palette-found");
  const status = palette.querySelector("[role=status]");
  let before = null, asked = null, waiting = 0, at = -1, shown = "";

  const options = () => [...found.querySelectorAll("[role=option]")];
  const choose = (number) => {
    const all = options();
    at = all.length ? (number + all.length) % all.length : -1;
    all.forEach((one, index) => one.setAttribute("aria-selected", index === at));
    if (at < 0) field.removeAttribute("aria-activedescendant");
    else { field.setAttribute("aria-activedescendant", all[at].id); all[at].scrollIntoView({ block: "nearest" }); }
  };
  const show = (list) => {
    found.replaceChildren(...list);
    options().forEach((one, index) => { one.id = `palette-${index}`; });
    field.setAttribute("aria-expanded", String(list.length > 0));
    choose(0);
  };
  const search = async () => {
    asked?.abort();
    const words = field.value.trim();
    shown = words;
    if (!words) { show([]); status.textContent = ""; return; }
    asked = new AbortController();
    try {
      const answer = await fetch(`${palette.dataset.find}?q=${encodeURIComponent(words)}`, {
        headers: { "x-freehold-live": "1" }, redirect: "manual", cache: "no-store", signal: asked.signal,
      });
      if (!answer.ok) throw new Error("no answer");
      const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("found");
      const list = [...part.querySelectorAll("li")];
      for (const row of list) {
        row.setAttribute("role", "presentation");
        const link = row.querySelector("a");
        link.setAttribute("role", "option");
        link.tabIndex = -1;
      }
      asked = null;
      show(list);
      status.textContent = list.length ? palette.dataset.many.replace("{n}", list.length) : palette.dataset.none;
    } catch (error) {
      if (error.name === "AbortError") return;
      show([]);
      status.textContent = palette.dataset.away;
    }
  };

  // somebody who types fast means what was typed, not what is still shown
  const go = async () => {
    clearTimeout(waiting);
    if (asked || shown !== field.value.trim()) await search();
    options()[at]?.click();
  };

  const open = () => {
    if (palette.open || document.querySelector("dialog[open]")) return;
    before = document.activeElement;
    palette.showModal();
    field.select();
    search();
  };
  palette.addEventListener("close", () => { asked?.abort(); clearTimeout(waiting); before?.focus?.(); });
  // a click beside it
  palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
  field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 150); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      go();
    }
  });

  const isTyping = (element) => element instanceof Element && !!element.closest("input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
    const k = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if ((!slash && !k) || isTyping(event.target)) return;
    event.preventDefault();
    open();
  });
})();
