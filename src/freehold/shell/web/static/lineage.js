"use strict";
// Zooming and moving the lineage picture by mouse, keyboard and touch; without it the picture scrolls.
(() => {
  const canvas = document.querySelector(".canvas");
  const svg = canvas?.querySelector("svg");
  if (!svg) return;
  const all = svg.viewBox.baseVal;
  const whole = { x: all.x, y: all.y, w: all.width, h: all.height };
  let seen = { ...whole };
  document.querySelector(".zoom").hidden = false;
  canvas.classList.add("movable");
  svg.removeAttribute("width"); svg.removeAttribute("height");

  const show = () => {
    seen.w = Math.min(whole.w * 1.6, Math.max(whole.w / 8, seen.w));
    seen.h = seen.w * whole.h / whole.w;
    seen.x = Math.min(whole.x + whole.w - seen.w * 0.2, Math.max(whole.x - seen.w * 0.8, seen.x));
    seen.y = Math.min(whole.y + whole.h - seen.h * 0.2, Math.max(whole.y - seen.h * 0.8, seen.y));
    svg.setAttribute("viewBox", `${seen.x} ${seen.y} ${seen.w} ${seen.h}`);
  };
  // around a point given in parts of the canvas
  const zoom = (factor, px = 0.5, py = 0.5) => {
    const w = Math.min(whole.w * 1.6, Math.max(whole.w / 8, seen.w * factor)), h = w * whole.h / whole.w;
    seen.x += (seen.w - w) * px; seen.y += (seen.h - h) * py;
    seen.w = w; seen.h = h;
    show();
  };
  const move = (dx, dy) => { seen.x += dx * seen.w; seen.y += dy * seen.h; show(); };
  const reset = () => { seen = { ...whole }; show(); };

  document.querySelector(".zoom").addEventListener("click", (event) => {
    const kind = event.target.closest("[data-zoom]")?.dataset.zoom;
    if (kind === "in") zoom(0.8); else if (kind === "out") zoom(1.25); else if (kind === "all") reset();
  });
  const keys = {
    "+": () => zoom(0.8), "=": () => zoom(0.8), "-": () => zoom(1.25), "0": reset,
    ArrowLeft: () => move(-0.1, 0), ArrowRight: () => move(0.1, 0), ArrowUp: () => move(0, -0.1), ArrowDown: () => move(0, 0.1),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  canvas.addEventListener("wheel", (event) => {
    // a plain wheel scrolls the page; with ctrl (or a pinch on a touchpad) it zooms
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = svg.getBoundingClientRect();
    zoom(event.deltaY > 0 ? 1.1 : 0.9, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }, { passive: false });

  const held = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => { held.set(event.pointerId, event); moved = 0; });
  const apart = () => { const [a, b] = [...held.values()]; return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); };
  window.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const box = svg.getBoundingClientRect();
    if (held.size === 1) {
      const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
      moved += Math.abs(dx) + Math.abs(dy);
      move(-dx / box.width, -dy / box.height);
      held.set(event.pointerId, event);
    } else if (held.size === 2) {
      const was = apart();
      held.set(event.pointerId, event);
      moved += 10;
      if (was > 0) zoom(was / Math.max(1, apart()), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, (event) => held.delete(event.pointerId));
  canvas.addEventListener("dragstart", (event) => event.preventDefault());
  // a drag that ends on a box is not a click on it
  canvas.addEventListener("click", (event) => { if (moved > 6) event.preventDefault(); }, true);
})();
