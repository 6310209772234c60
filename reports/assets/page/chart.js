// Charts of the page: a panel (see charts/panel.rs) on a canvas, with zoom, hover and keys.
"use strict";

const Colours = {
  of(index) { return getComputedStyle(document.documentElement).getPropertyValue("--c" + index).trim(); },
  named(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); },
};

const Tip = {
  element: null,
  show(text, x, y) {
    if (!this.element) {
      this.element = document.createElement("div");
      this.element.className = "tip";
      this.element.setAttribute("role", "status");
      document.body.append(this.element);
    }
    this.element.textContent = text;
    this.element.hidden = false;
    const box = this.element.getBoundingClientRect();
    this.element.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 8)) + "px";
    this.element.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18) + "px";
  },
  hide() { if (this.element) this.element.hidden = true; },
};

// Positions of labels on an axis: the same rule as charts/ticks.rs, and steps within a decade where few decades show.
function ticksOf(from, to, log, wanted) {
  const all = [];
  if (log) {
    const near = Math.log10(to / from) < 1.5 ? [1, 2, 5] : [1];
    for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
      for (const n of near) {
        const value = n * 10 ** power;
        if (value >= from * 0.999 && value <= to * 1.001) all.push(value);
      }
    }
    return all;
  }
  const rough = Math.max(to - from, 1e-9) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((s) => s >= rough);
  for (let n = Math.ceil(from / step); n * step <= to + 1e-9 * step; n++) all.push(n * step);
  return all;
}

function labelOf(value) {
  const size = Math.abs(value);
  if (size >= 1e6 && size % 1e5 === 0) return value / 1e6 + " M";
  if (size >= 1e4 && size % 100 === 0) return value / 1e3 + " k";
  return String(Number(value.toPrecision(6)));
}

// What charts over simulated time share: zooming one zooms all.
class SharedView {
  constructor(from, to) { this.full = [from, to]; this.now = [from, to]; this.charts = []; }
  set(from, to) {
    const width = Math.min(Math.max(to - from, (this.full[1] - this.full[0]) / 5000), this.full[1] - this.full[0]);
    from = Math.min(Math.max(from, this.full[0]), this.full[1] - width);
    this.now = [from, from + width];
    for (const chart of this.charts) chart.changed();
  }
  zoom(factor, at) {
    const [from, to] = this.now;
    at = at === undefined ? (from + to) / 2 : at;
    this.set(at - (at - from) * factor, at + (to - at) * factor);
  }
  pan(part) { const [from, to] = this.now; const by = (to - from) * part; this.set(from + by, to + by); }
  reset() { this.set(...this.full); }
  get zoomed() { return this.now[0] > this.full[0] || this.now[1] < this.full[1]; }
}

// A canvas with a horizontal axis that can be zoomed: drag, double click, ctrl and wheel, keys.
class Zoomable {
  constructor(canvas, view, height) {
    Object.assign(this, { canvas, view, height, left: 64, right: 12, visible: false, dirty: true, drag: null });
    canvas.style.height = height + "px";
    canvas.tabIndex = 0;
    view.charts.push(this);
    new IntersectionObserver((seen) => {
      this.visible = seen[seen.length - 1].isIntersecting;
      if (this.visible && this.dirty) this.schedule();
    }, { rootMargin: "200px" }).observe(canvas);
    new ResizeObserver(() => this.changed()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button === 0) { this.drag = [event.offsetX, event.offsetX]; canvas.setPointerCapture(event.pointerId); }
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.drag) { this.drag[1] = event.offsetX; Tip.hide(); this.schedule(); } else this.hover(event);
    });
    canvas.addEventListener("pointerup", (event) => {
      const drag = this.drag;
      this.drag = null;
      if (drag && Math.abs(drag[1] - drag[0]) > 5) {
        const [a, b] = drag.map((x) => this.value(x)).sort((p, q) => p - q);
        view.set(a, b);
      } else { this.schedule(); this.picked(event); }
    });
    canvas.addEventListener("pointerleave", () => { Tip.hide(); this.pointed = null; this.schedule(); });
    canvas.addEventListener("dblclick", () => view.reset());
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      view.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.value(event.offsetX));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.changed());
  }
  key(event) {
    const keys = {
      "+": () => this.view.zoom(0.6), "=": () => this.view.zoom(0.6), "-": () => this.view.zoom(1 / 0.6),
      "0": () => this.view.reset(), Escape: () => this.view.reset(),
      ArrowLeft: () => this.view.pan(-0.2), ArrowRight: () => this.view.pan(0.2),
    };
    if (keys[event.key] && !event.ctrlKey && !event.metaKey) { event.preventDefault(); keys[event.key](); }
  }
  changed() { this.dirty = true; if (this.visible) this.schedule(); }
  schedule() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.dirty = false; this.paint(); });
  }
  paint() {
    const ratio = devicePixelRatio || 1, width = this.canvas.clientWidth;
    if (!width) return;
    this.width = width;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    const g = this.canvas.getContext("2d");
    g.scale(ratio, ratio);
    g.font = "12px system-ui, sans-serif";
    this.draw(g);
    if (this.drag) {
      g.globalAlpha = 0.15; g.fillStyle = Colours.named("ink");
      g.fillRect(Math.min(...this.drag), 0, Math.abs(this.drag[1] - this.drag[0]), this.height);
      g.globalAlpha = 1;
    }
    this.canvas.dataset.drawn = String(Number(this.canvas.dataset.drawn || 0) + 1);
  }
  x(value) { const [from, to] = this.view.now; return this.left + (value - from) / (to - from) * (this.width - this.left - this.right); }
  value(x) { const [from, to] = this.view.now; return from + (x - this.left) / (this.width - this.left - this.right) * (to - from); }
  hover() {}
  picked() {}
  timeAxis(g, top, bottom, label) {
    g.strokeStyle = Colours.named("grid"); g.fillStyle = Colours.named("soft");
    g.textAlign = "center"; g.textBaseline = "top"; g.lineWidth = 1;
    for (const value of ticksOf(...this.view.now, false, Math.max(4, this.width / 110))) {
      const x = Math.round(this.x(value)) + 0.5;
      g.beginPath(); g.moveTo(x, top); g.lineTo(x, bottom); g.stroke();
      this.below(g, labelOf(value), x, bottom);
    }
    if (label) g.fillText(label, (this.left + this.width - this.right) / 2, bottom + 19);
  }
  /** A tick's label, not cut off at the right edge. */
  below(g, text, x, bottom) {
    g.fillText(text, Math.min(x, this.width - g.measureText(text).width / 2 - 1), bottom + 4);
  }
  bands(g, scene, top, bottom) {
    for (const band of scene.bands) {
      const from = this.x(band.from), to = Math.max(this.x(band.to), from + 1);
      if (to < this.left || from > this.width - this.right) continue;
      g.fillStyle = Colours.of(band.colour);
      g.globalAlpha = 0.16; g.fillRect(from, top, to - from, bottom - top);
      g.globalAlpha = 0.8; g.fillRect(from, top, 1, bottom - top);
      g.globalAlpha = 1;
    }
  }
  clip(g, top, bottom) { g.beginPath(); g.rect(this.left, top, this.width - this.left - this.right, bottom - top); g.clip(); }
}

class Chart extends Zoomable {
  constructor(canvas, panel, scene, view) {
    super(canvas, view, panel.rows.length ? panel.rows.length * 24 + 44 : 250);
    Object.assign(this, { panel, scene, hidden: new Set(), top: 6 });
    this.bottom = this.height - 36;
    if (panel.rows.length) this.left = 92;
    if (panel.x.log) this.x = (value) => {
      const [from, to] = this.view.now.map(Math.log10);
      return this.left + (Math.log10(value) - from) / (to - from) * (this.width - this.left - this.right);
    };
    if (panel.x.log) this.value = (x) => {
      const [from, to] = this.view.now.map(Math.log10);
      return 10 ** (from + (x - this.left) / (this.width - this.left - this.right) * (to - from));
    };
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", panel.title + ". Keys: plus and minus zoom, arrows move, 0 shows all.");
  }
  toggle(name) { this.hidden.has(name) ? this.hidden.delete(name) : this.hidden.add(name); this.changed(); }
  get layers() { return this.panel.layers.filter((layer) => !this.hidden.has(layer.name)); }
  // The vertical range: what is in view, once zoomed.
  range() {
    const axis = this.panel.y;
    if (!this.panel.timed || !this.view.zoomed) return [axis.from, axis.to];
    let low = Infinity, high = -Infinity;
    for (const { points } of this.layers) for (let i = 0; i < points.length; i += 2) {
      if (points[i + 1] === null || points[i] < this.view.now[0] || points[i] > this.view.now[1]) continue;
      low = Math.min(low, points[i + 1]); high = Math.max(high, points[i + 1]);
    }
    if (low > high) return [axis.from, axis.to];
    if (axis.log) return [Math.min(low * 0.8, high / 4), Math.max(high * 1.25, low * 4)];
    const room = Math.max((high - low) * 0.08, 0.5);
    return [Math.max(axis.from, low - room), high + room];
  }
  y(value) {
    let [from, to] = this.yRange;
    if (this.panel.y.log) { from = Math.log10(from); to = Math.log10(to); value = Math.log10(Math.max(value, 1e-9)); }
    return this.bottom - (value - from) / (to - from) * (this.bottom - this.top);
  }
  draw(g) {
    const { panel, scene, top, bottom } = this;
    this.yRange = this.range();
    g.save(); this.clip(g, top, bottom);
    if (panel.timed) this.bands(g, scene, top, bottom);
    g.restore();
    if (panel.x.names) this.namesAxis(g); else if (panel.x.log) this.logAxis(g); else this.timeAxis(g, top, bottom, panel.x.label);
    if (panel.rows.length) this.drawRows(g); else this.yAxis(g);
    g.save(); this.clip(g, top, bottom);
    for (const layer of this.layers) this.drawLayer(g, layer);
    if (panel.timed) this.moments(g);
    if (this.pointed) {
      g.strokeStyle = Colours.named("ink"); g.lineWidth = 1.5;
      g.beginPath(); g.arc(this.pointed.x, this.pointed.y, 5, 0, 7); g.stroke();
    }
    g.restore();
    g.strokeStyle = Colours.named("soft"); g.lineWidth = 1;
    g.strokeRect(this.left + 0.5, top + 0.5, this.width - this.left - this.right, bottom - top);
  }
  namesAxis(g) {
    g.fillStyle = Colours.named("soft"); g.textAlign = "center"; g.textBaseline = "top";
    this.panel.x.names.forEach((name, n) => g.fillText(name, this.x(n + 1), this.bottom + 4));
    g.fillText(this.panel.x.label, (this.left + this.width - this.right) / 2, this.bottom + 19);
  }
  logAxis(g) {
    g.strokeStyle = Colours.named("grid"); g.fillStyle = Colours.named("soft");
    g.textAlign = "center"; g.textBaseline = "top";
    for (const value of ticksOf(...this.view.now, true)) {
      const x = Math.round(this.x(value)) + 0.5;
      g.beginPath(); g.moveTo(x, this.top); g.lineTo(x, this.bottom); g.stroke();
      this.below(g, labelOf(value), x, this.bottom);
    }
    g.fillText(this.panel.x.label, (this.left + this.width - this.right) / 2, this.bottom + 19);
  }
  yAxis(g) {
    g.textAlign = "right"; g.textBaseline = "middle"; g.lineWidth = 1;
    for (const value of ticksOf(...this.yRange, this.panel.y.log, 5)) {
      const y = Math.round(this.y(value)) + 0.5;
      g.strokeStyle = Colours.named("grid");
      g.beginPath(); g.moveTo(this.left, y); g.lineTo(this.width - this.right, y); g.stroke();
      g.fillStyle = Colours.named("soft");
      g.fillText(labelOf(value), this.left - 6, y);
    }
    g.save(); g.translate(12, (this.top + this.bottom) / 2); g.rotate(-Math.PI / 2);
    g.textAlign = "center"; g.fillText(this.panel.y.label, 0, 0); g.restore();
  }
  drawRows(g) {
    const { panel, top } = this;
    g.textBaseline = "middle"; g.textAlign = "right"; g.fillStyle = Colours.named("soft");
    panel.rows.forEach((name, row) => g.fillText(name, this.left - 6, top + row * 24 + 12));
    g.save(); this.clip(g, top, this.bottom);
    g.textAlign = "left";
    for (const cell of panel.cells) {
      const from = this.x(cell.from), to = Math.max(this.x(cell.to), from + 1), y = top + cell.row * 24;
      if (to < this.left || from > this.width) continue;
      g.globalAlpha = cell.strength; g.fillStyle = Colours.of(cell.colour);
      g.fillRect(from, y + 3, to - from, 18);
      g.globalAlpha = 1;
      if (!cell.written) continue;
      if (to - from > 6) { g.strokeStyle = Colours.of(cell.colour); g.strokeRect(from + 0.5, y + 3.5, to - from - 1, 17); }
      const start = Math.max(from, this.left) + 4;
      if (g.measureText(cell.text).width + 6 < to - start) {
        g.fillStyle = cell.strength > 0.8 ? Colours.named("ground") : Colours.named("ink");
        g.fillText(cell.text, start, y + 12.5);
      }
    }
    g.restore();
  }
  drawLayer(g, layer) {
    const { points } = layer, ink = Colours.of(layer.colour);
    g.strokeStyle = g.fillStyle = ink; g.lineWidth = 1.8; g.globalAlpha = 1;
    if (["circles", "crosses", "triangles"].includes(layer.draw)) {
      g.globalAlpha = layer.draw === "circles" ? 0.75 : 0.6; g.lineWidth = 1.2;
      const seen = new Set();
      for (let i = 0; i < points.length; i += 2) {
        const x = this.x(points[i]), y = this.y(points[i + 1]);
        if (x < this.left - 4 || x > this.width) continue;
        const place = Math.round(x) * 4096 + Math.round(y);
        if (seen.has(place)) continue;
        seen.add(place);
        this.sign(g, layer.draw, x, y, 2.2);
      }
      g.globalAlpha = 1;
      return;
    }
    g.setLineDash(layer.draw === "dashes" ? [6, 4] : []);
    g.beginPath();
    let broken = true, before = 0;
    for (let i = 0; i < points.length; i += 2) {
      if (points[i + 1] === null) { broken = true; continue; }
      const x = this.x(points[i]), y = this.y(points[i + 1]);
      if (broken) g.moveTo(x, y); else { if (layer.draw === "steps") g.lineTo(x, before); g.lineTo(x, y); }
      const alone = broken && (i + 2 >= points.length || points[i + 3] === null);
      if (alone) g.fillRect(x - 2, y - 2, 4, 4);
      broken = false; before = y;
    }
    g.stroke(); g.setLineDash([]);
  }
  sign(g, draw, x, y, size) {
    g.beginPath();
    if (draw === "circles") { g.arc(x, y, size, 0, 7); g.fill(); }
    else if (draw === "triangles") { g.moveTo(x, y - size - 1); g.lineTo(x + size, y + size); g.lineTo(x - size, y + size); g.closePath(); g.fill(); }
    else { g.moveTo(x - size, y - size); g.lineTo(x + size, y + size); g.moveTo(x + size, y - size); g.lineTo(x - size, y + size); g.stroke(); }
  }
  moments(g) {
    const { scene, top, bottom } = this;
    g.fillStyle = Colours.named("ink");
    for (const tick of scene.elections) g.fillRect(this.x(tick.at) - 1, bottom - 9, 2, 9);
    for (const [at, word, ink] of [[scene.healed, "healed", "soft"], [scene.violation, "violation", "bad"]]) {
      if (at === null || at === undefined) continue;
      const x = Math.round(this.x(at)) + 0.5;
      g.strokeStyle = g.fillStyle = Colours.named(ink); g.lineWidth = word === "violation" ? 2 : 1;
      g.beginPath(); g.moveTo(x, top); g.lineTo(x, bottom); g.stroke();
      if (this.panel.rows.length) continue;
      g.textAlign = "right"; g.textBaseline = "top"; g.fillText(word, x - 4, top + 3);
    }
  }
  hover(event) {
    const { offsetX: px, offsetY: py } = event, lines = [];
    if (!this.yRange || px < this.left || px > this.width - this.right) { Tip.hide(); return; }
    const found = this.panel.rows.length ? this.cellAt(px, py) : this.nearest(px, py);
    this.pointed = found && found.x !== undefined ? found : null;
    if (found) lines.push(found.text);
    if (this.panel.timed) {
      const at = this.value(px), slack = this.value(px + 3) - at;
      lines.push(Number(at.toFixed(3)) + " s");
      for (const band of this.scene.bands) if (at >= band.from - slack && at <= band.to + slack) {
        lines.push("fault: " + band.text + (band.to > band.from ? ` (${(band.to - band.from).toFixed(2)} s)` : ""));
      }
      for (const tick of this.scene.elections) if (Math.abs(tick.at - at) <= slack) lines.push(tick.text);
    }
    if (lines.length) Tip.show(lines.slice(0, 12).join("\n"), event.clientX, event.clientY); else Tip.hide();
    this.schedule();
  }
  nearest(px, py) {
    let best = null, least = 30 * 30;
    for (const layer of this.layers) for (let i = 0; i < layer.points.length; i += 2) {
      if (layer.points[i + 1] === null) continue;
      const x = this.x(layer.points[i]), y = this.y(layer.points[i + 1]);
      const far = (x - px) ** 2 + (y - py) ** 2;
      if (far < least) {
        least = far;
        const [xs, ys] = [this.panel.x, this.panel.y].map((axis) => axis.label);
        const name = (this.panel.x.names || [])[Math.round(layer.points[i]) - 1];
        const where = this.panel.timed ? "" : name !== undefined ? name + ", " : `${labelOf(layer.points[i])} ${xs.replace(/.*\((.*)\)/, "$1")}, `;
        best = { x, y, text: `${layer.name}: ${where}${labelOf(layer.points[i + 1])} ${ys.replace(/.*\((.*)\)/, "$1")}` };
      }
    }
    return best;
  }
  cellAt(px, py) {
    const at = this.value(px), row = Math.floor((py - this.top) / 24);
    const cells = this.panel.cells.filter((cell) => cell.row === row && cell.from <= at && at <= cell.to);
    return cells.length ? { text: this.panel.rows[row] + ": " + cells.map((cell) => cell.text).join(", ") } : null;
  }
}
