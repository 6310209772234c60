// The space-time diagram: a lane for each process, an arrow for each message, a cross where one was lost.
"use strict";

class SpaceTime extends Zoomable {
  constructor(canvas, data, window, apis) {
    // Lanes of processes that take part; brokers always do.
    const used = new Set(window.messages.flatMap((message) => [message[0], message[1]]));
    const lanes = data.nodes.map((_, node) => node).filter((node) => used.has(node) || node < data.brokers);
    super(canvas, new SharedView(window.from, window.to), lanes.length * 46 + 54);
    Object.assign(this, { data, window, off: new Set(), top: 8, left: 92, depth: 40 });
    this.place = new Map(lanes.map((node, row) => [node, row]));
    this.apis = apis;
    this.bottom = this.height - 36;
    this.cone = window.messages.filter((message) => message[5]);
    this.onlyCone = this.cone.length > 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Messages between processes. Keys: plus and minus zoom, arrows move, 0 shows all, e shows more.");
    this.focus();
  }
  key(event) { if (event.key === "e") this.expand(); else super.key(event); }
  // What is shown: the newest part of the cone, or everything.
  get shown() {
    const some = this.onlyCone ? this.cone.slice(-this.depth) : this.window.messages;
    return some.filter((message) => !this.off.has(message[4]));
  }
  get whole() { return !this.onlyCone; }
  // More of what led to it, and in the end everything.
  expand() {
    if (this.onlyCone && this.depth < this.cone.length) this.depth *= 3; else this.onlyCone = false;
    this.focus();
    this.told();
  }
  narrow() { this.onlyCone = this.cone.length > 0; this.depth = 40; this.focus(); this.told(); }
  told() { this.changed(); if (this.onshown) this.onshown(); }
  focus() {
    if (this.whole) { this.view.reset(); return; }
    const shown = this.shown;
    if (!shown.length) { this.view.reset(); return; }
    const from = Math.min(...shown.map((m) => m[2])) / 1e6, to = Math.max(...shown.map((m) => Math.max(m[2], m[3]))) / 1e6;
    const focus = this.window.focus === null ? to : Math.max(to, this.window.focus), room = Math.max((focus - from) * 0.06, 0.001);
    this.view.set(from - room, focus + room);
  }
  lane(node) { return this.top + (this.place.has(node) ? this.place.get(node) : -9) * 46 + 23; }
  draw(g) {
    this.timeAxis(g, this.top, this.bottom, "simulated time (s)");
    g.textBaseline = "middle"; g.textAlign = "right";
    this.data.nodes.forEach((name, node) => {
      g.fillStyle = Colours.named("ink"); g.fillText(name, this.left - 8, this.lane(node));
    });
    g.save(); this.clip(g, this.top, this.bottom);
    this.lanes(g);
    this.drawn = [];
    const shown = this.shown, bold = shown.length < 400;
    for (const message of shown) this.arrow(g, message, bold);
    this.marks(g);
    if (this.window.focus !== null) {
      const x = Math.round(this.x(this.window.focus)) + 0.5;
      g.strokeStyle = g.fillStyle = Colours.named("bad"); g.lineWidth = 2;
      g.beginPath(); g.moveTo(x, this.top); g.lineTo(x, this.bottom); g.stroke();
      g.textAlign = "right"; g.textBaseline = "top"; g.fillText(this.window.word, x - 4, this.top + 2);
    }
    g.restore();
    this.canvas.dataset.messages = String(shown.length);
  }
  // A lane is thin where nothing is known, coloured by leader epoch where it is, and interrupted where the process is down.
  lanes(g) {
    const right = this.width - this.right;
    this.data.nodes.forEach((_, node) => {
      g.fillStyle = Colours.named("line"); g.fillRect(this.left, this.lane(node) - 1, right - this.left, 2);
    });
    g.textAlign = "left"; g.textBaseline = "bottom";
    for (const [node, from, to, epoch, leads] of this.window.epochs) {
      const a = Math.max(this.x(from / 1e6), this.left), b = Math.min(this.x(to / 1e6), right);
      if (b <= a) continue;
      g.fillStyle = Colours.of([0, 2, 4, 6, 1, 3, 5, 7][epoch % 8]);
      const thick = leads ? 8 : 4;
      g.fillRect(a, this.lane(node) - thick / 2, b - a, thick);
      const text = `epoch ${epoch}${leads ? ", leads" : ""}`;
      if (g.measureText(text).width + 8 < b - a) { g.fillStyle = Colours.named("soft"); g.fillText(text, a + 3, this.lane(node) - 5); }
    }
    for (const [node, from, to] of this.window.down) {
      const a = this.x(from / 1e6), b = to < 0 ? this.width : this.x(to / 1e6), y = this.lane(node);
      g.fillStyle = Colours.named("ground"); g.fillRect(a, y - 8, b - a, 16);
      g.strokeStyle = Colours.named("bad"); g.lineWidth = 1; g.setLineDash([2, 4]);
      g.beginPath(); g.moveTo(Math.max(a, this.left), y); g.lineTo(Math.min(b, this.width), y); g.stroke(); g.setLineDash([]);
      if (b - Math.max(a, this.left) > 40) { g.fillStyle = Colours.named("bad"); g.textBaseline = "bottom"; g.fillText("down", Math.max(a, this.left) + 4, y - 2); }
    }
  }
  arrow(g, message, bold) {
    const [from, to, sent, received, api] = message, lost = received < 0;
    const ax = this.x(sent / 1e6), ay = this.lane(from), by = this.lane(to);
    const bx = lost ? ax + 12 : this.x(received / 1e6);
    if (Math.max(ax, bx) < this.left || Math.min(ax, bx) > this.width) return;
    const ex = lost ? (ax + bx) / 2 : bx, ey = lost ? (ay + by) / 2 : by;
    g.strokeStyle = g.fillStyle = Colours.of(this.apis[api].colour);
    g.lineWidth = bold ? 1.4 : 0.7; g.globalAlpha = bold ? 0.9 : 0.45;
    if (lost) g.setLineDash([3, 3]);
    g.beginPath(); g.moveTo(ax, ay); g.lineTo(ex, ey); g.stroke(); g.setLineDash([]);
    if (lost) {
      g.strokeStyle = Colours.named("bad"); g.globalAlpha = 1; g.lineWidth = 2;
      g.beginPath(); g.moveTo(ex - 4, ey - 4); g.lineTo(ex + 4, ey + 4); g.moveTo(ex + 4, ey - 4); g.lineTo(ex - 4, ey + 4); g.stroke();
    } else if (bold) {
      const angle = Math.atan2(by - ay, bx - ax);
      g.beginPath(); g.moveTo(bx, by);
      for (const turn of [0.35, -0.35]) g.lineTo(bx - 8 * Math.cos(angle + turn), by - 8 * Math.sin(angle + turn));
      g.closePath(); g.fill();
    }
    g.globalAlpha = 1;
    this.drawn.push([ax, ay, ex, ey, message]);
  }
  marks(g) {
    this.points = [];
    for (const mark of this.window.marks) {
      const [node, at, kind, , cone] = mark, x = this.x(at / 1e6), y = this.lane(node);
      if (x < this.left - 5 || x > this.width || (this.onlyCone && !cone && kind === "sync")) continue;
      if (kind === "sync") { g.fillStyle = Colours.named("soft"); g.fillRect(x - 1, y + 4, 2, 7); this.points.push([x, y + 7, mark]); continue; }
      const bad = ["crashed", "power-lost", "halted"].includes(kind);
      g.fillStyle = bad ? Colours.named("bad") : cone ? Colours.named("ink") : Colours.named("soft");
      g.beginPath(); g.arc(x, y, cone || bad ? 5 : 3, 0, 7); g.fill();
      this.points.push([x, y, mark]);
    }
    g.textAlign = "center"; g.textBaseline = "middle";
    this.window.chain.forEach(([node, at], n) => {
      if (node < 0) return;
      const x = this.x(at / 1e6), y = this.lane(node);
      if (x < this.left - 5 || x > this.width) return;
      g.fillStyle = Colours.named("ink"); g.beginPath(); g.arc(x, y, 9, 0, 7); g.fill();
      g.fillStyle = Colours.named("ground"); g.fillText(String(n + 1), x, y + 0.5);
      this.points.push([x, y, [node, at, "step", this.window.chain[n][2], 1]]);
    });
  }
  hover(event) {
    const { offsetX: px, offsetY: py } = event;
    let best = null, least = 100;
    for (const [x, y, mark] of this.points || []) {
      const far = (x - px) ** 2 + (y - py) ** 2;
      if (far <= least) { least = far; best = `${this.data.nodes[mark[0]]} ${mark[3]}\n${(mark[1] / 1e6).toFixed(6)} s`; }
    }
    if (!best) {
      least = 36;
      for (const [ax, ay, bx, by, message] of this.drawn || []) {
        const length = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
        const part = Math.min(1, Math.max(0, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length));
        const far = (ax + part * (bx - ax) - px) ** 2 + (ay + part * (by - ay) - py) ** 2;
        if (far < least) { least = far; best = this.describe(message); }
      }
    }
    if (best) Tip.show(best, event.clientX, event.clientY); else Tip.hide();
  }
  describe([from, to, sent, received, api]) {
    const end = received < 0 ? "never received" : `received ${(received / 1e6).toFixed(6)} s`;
    return `${this.apis[api].name}\n${this.data.nodes[from]} → ${this.data.nodes[to]}\nsent ${(sent / 1e6).toFixed(6)} s, ${end}`;
  }
}
