// The operations timeline: a row for each client, a bar for each operation from when it was due to its end.
"use strict";

class Timeline extends Zoomable {
  constructor(canvas, data, scene, view) {
    const rows = data.clients.map(() => 0);
    super(canvas, view, 0);
    Object.assign(this, { data, scene, top: 6, left: 92 });
    this.arrange(rows);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Operations of each client over time. Keys: plus and minus zoom, arrows move, 0 shows all.");
  }
  // Operations that overlap lie in lanes of their row: at most six, and the last takes the rest.
  arrange(rows) {
    const ends = rows.map(() => []);
    this.bars = this.data.operations.map(([client, kind, outcome, at, took, partition, offset, count]) => {
      const from = at / 1e6, to = from + took / 1e6, lanes = ends[client];
      let lane = lanes.findIndex((end) => end <= from);
      if (lane < 0) lane = Math.min(lanes.length, 5);
      lanes[lane] = Math.max(lanes[lane] || 0, to);
      return { client, kind, outcome, from, to, lane, partition, offset, count };
    });
    this.heights = ends.map((lanes) => Math.max(lanes.length, 1) * 7 + 12);
    this.tops = []; let y = this.top;
    for (const height of this.heights) { this.tops.push(y); y += height; }
    this.bottom = y; this.height = y + 36;
    this.canvas.style.height = this.height + "px";
  }
  y(bar) { return this.tops[bar.client] + 6 + bar.lane * 7; }
  draw(g) {
    g.save(); this.clip(g, this.top, this.bottom); this.bands(g, this.scene, this.top, this.bottom); g.restore();
    this.timeAxis(g, this.top, this.bottom, "simulated time (s)");
    g.textAlign = "right"; g.textBaseline = "middle"; g.fillStyle = Colours.named("soft");
    this.data.clients.forEach((name, row) => g.fillText(name, this.left - 6, this.tops[row] + this.heights[row] / 2));
    g.strokeStyle = Colours.named("line");
    for (const top of this.tops.slice(1)) { g.beginPath(); g.moveTo(this.left, top + 0.5); g.lineTo(this.width - this.right, top + 0.5); g.stroke(); }
    g.save(); this.clip(g, this.top, this.bottom);
    const inks = [0, 1, 3].map((index) => Colours.of(index)), polled = Colours.of(5);
    for (const bar of this.bars) {
      const from = this.x(bar.from), to = this.x(bar.to);
      if (to < this.left || from > this.width) continue;
      g.fillStyle = this.data.kinds[bar.kind] === "poll" ? polled : inks[bar.outcome];
      g.fillRect(from, this.y(bar), Math.max(to - from, 1), 5);
    }
    g.restore();
    g.strokeStyle = Colours.named("soft");
    g.strokeRect(this.left + 0.5, this.top + 0.5, this.width - this.left - this.right, this.bottom - this.top);
  }
  hover(event) {
    let best = null, least = 5;
    for (const bar of this.bars) {
      const y = this.y(bar);
      if (event.offsetY < y - 1 || event.offsetY > y + 6) continue;
      const from = this.x(bar.from), to = this.x(bar.to);
      const far = event.offsetX < from ? from - event.offsetX : Math.max(0, event.offsetX - to);
      if (far < least) { least = far; best = bar; }
    }
    if (!best) { Tip.hide(); return; }
    const outcome = ["ok", "info (unknown)", "fail"][best.outcome];
    const offset = best.offset >= 0 ? ` offset ${best.offset}` : "";
    const count = best.count > 1 ? `, ${best.count} records` : "";
    const where = best.partition >= 0 ? ` ${this.data.partitions[best.partition]}${offset}` : "";
    const took = best.to > best.from ? `\n${((best.to - best.from) * 1e3).toFixed(3)} ms` : "";
    Tip.show(`${this.data.clients[best.client]}: ${this.data.kinds[best.kind]}${where}${count}\n${outcome}, due at ${best.from.toFixed(3)} s${took}`, event.clientX, event.clientY);
  }
}
