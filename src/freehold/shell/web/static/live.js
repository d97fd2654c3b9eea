"use strict";
// Live updates: told that something changed, a page fetches itself and takes over what carries data-live.
// Says so when the node is away, and finds it again by itself.
(() => {
  const body = document.body;
  if (!body.dataset.events || !window.EventSource) return;
  const told = document.getElementById("told"), away = document.getElementById("away");
  const tell = (text) => { if (told) told.textContent = text; };

  // what somebody typed or chose and has not sent
  const isDirty = (field) => {
    if (field.matches("input[type=checkbox], input[type=radio]")) return field.checked !== field.defaultChecked;
    if (field.matches("input:not([type=hidden]), textarea")) return field.value !== field.defaultValue;
    return field.matches("select") && [...field.options].some((one) => one.selected !== one.defaultSelected);
  };
  const isTyped = () => [...document.querySelectorAll("main input, main textarea, main select")].some(isDirty);

  // one and the same field: where a list moved, another row's stands in its place
  const form = (field) => field.form?.getAttribute("action");
  const isSame = (field, other) => field.name === other.name && form(field) === form(other)
    && (!field.matches("input[type=checkbox], input[type=radio]") || field.value === other.value);

  const name = (element) => element.id || element.getAttribute("href")
    || (element.matches("input[type=checkbox], input[type=radio]") ? `${element.name} ${element.value}` : element.getAttribute("name"));
  const morph = (old, fresh) => {
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const known = focused && name(focused);
    old.classList.remove("fresh");
    Idiomorph.morph(old, fresh, {
      morphStyle: "outerHTML",
      ignoreActiveValue: true,
      restoreFocus: true,
      callbacks: {
        // fields keep what was typed
        beforeNodeMorphed: (before, after) => {
          if (before.nodeType !== 1 || !before.matches("input, textarea, select")) return true;
          // names one act however often its form is sent: another name would be another act, and paid again
          if (before.matches("[data-keep]")) return false;
          if (isSame(before, after)) return !isDirty(before);
          // of what has the focus the value would be left alone
          before.blur();
          return true;
        },
        // what is folded out, copied or being sent is the page's own, not the server's
        beforeAttributeUpdated: (attribute, element) =>
          !(attribute === "open" || (attribute === "hidden" && element.matches("[data-copy]")) || attribute === "data-sent"),
      },
    });
    // rows move: the focus stays on what had it, not on what stands there now
    if (focused && known && name(document.activeElement) !== known) {
      [...old.querySelectorAll("a, button, summary, input, select, textarea, [tabindex]")].find((one) => name(one) === known)?.focus();
    }
    if (!old.closest("nav")) { void old.offsetWidth; old.classList.add("fresh"); }
  };

  // what the server sent last for each region: the page's own state (open details) must not count as change
  const said = (region) => region.innerHTML.replace(/<input[^>]*data-keep[^>]*>/g, "");
  const sent = new Map([...document.querySelectorAll("[data-live]")].map((one) => [one.dataset.live, said(one)]));

  let seenAt = new Date(), isAway = false, trying = 0;
  const clock = (moment) => {
    const form = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    try {
      return new Intl.DateTimeFormat(document.documentElement.lang, { ...form, timeZone: body.dataset.zone || undefined }).format(moment);
    } catch { return new Intl.DateTimeFormat(undefined, form).format(moment); }
  };
  const say = (text, link = "") => {
    const line = document.createElement("p");
    line.textContent = text;
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = location.href; anchor.textContent = link;
      line.append(" ", anchor);
    }
    away.replaceChildren(line);
  };
  const lose = () => {
    if (!isAway) { isAway = true; body.classList.add("is-away"); say(away.dataset.away.replace("{time}", clock(seenAt))); }
    clearTimeout(trying);
    trying = setTimeout(refresh, 3000);
  };
  const find = () => {
    seenAt = new Date();
    if (!isAway) return;
    isAway = false;
    clearTimeout(trying);
    body.classList.remove("is-away");
    say(away.dataset.back);
    setTimeout(() => { if (!isAway) away.replaceChildren(); }, 4000);
    stream?.close(); stream = null;
    listen();
  };

  // a part that says data-soon waits for something that no event tells of, such as a check that runs
  const soon = () => { if (document.querySelector("[data-soon]")) setTimeout(refresh, 700); };
  let busy = false, again = false, isOut = false;
  const refresh = async () => {
    if (document.hidden || busy || isOut) { again = true; return; }
    busy = true; again = false;
    try {
      const answer = await fetch(location.href, {
        headers: { "x-freehold-live": "1" }, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(20000),
      });
      if (answer.type === "opaqueredirect") { leave(); return; }
      const text = await answer.text();
      find();
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(text, "text/html");
      let changed = false;
      for (const region of fresh.querySelectorAll("[data-live]")) {
        const part = region.dataset.live, html = said(region);
        const old = document.querySelector(`[data-live="${CSS.escape(part)}"]`);
        if (!old || sent.get(part) === html) continue;
        changed = changed || !old.closest("nav");
        morph(old, region);
        sent.set(part, html);
      }
      if (!changed) return;
      document.dispatchEvent(new Event("freehold:updated"));
      tell(body.dataset.updated);
    } catch { lose(); } finally {
      busy = false;
      if (again && !isAway) setTimeout(refresh, 300); else soon();
    }
  };
  // a form was sent or a link followed, and its page is on its way: loading this one again would call that off
  let going = -Infinity;
  window.addEventListener("beforeunload", () => { going = performance.now(); });
  const isGoing = () => performance.now() - going < 10000 || document.querySelector("form[data-sent]");
  // the node asks who this is: what was typed here would be lost by going there now
  const leave = () => {
    if (isGoing()) { setTimeout(refresh, 3000); return; }
    if (!isTyped()) { location.reload(); return; }
    isOut = true;
    body.classList.remove("is-away");
    say(away.dataset.out, away.dataset.enter);
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
    stream.addEventListener("end", leave);
    // it broke: whether the node is gone shows when it is asked
    stream.addEventListener("error", () => { if (!isAway) refresh(); });
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
