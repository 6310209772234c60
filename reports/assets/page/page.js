// Puts the page together: every figure from the data that the page carries.
"use strict";

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element && typeof value !== "string") element[name] = value; else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

function legendSign(draw, colour) {
  const sign = make("canvas", { width: 44, height: 24, style: "width:22px;height:12px;cursor:inherit" });
  const paint = () => {
    const g = sign.getContext("2d");
    g.reset(); g.scale(2, 2); g.strokeStyle = g.fillStyle = Colours.of(colour); g.lineWidth = 2;
    if (draw === "square") { g.globalAlpha = 0.5; g.fillRect(5, 1, 12, 10); g.globalAlpha = 1; g.lineWidth = 1; g.strokeRect(5.5, 1.5, 11, 9); return; }
    if (draw === "tick") { g.strokeStyle = Colours.named("ink"); g.beginPath(); g.moveTo(11, 1); g.lineTo(11, 11); g.stroke(); return; }
    if (["circles", "crosses", "triangles"].includes(draw)) { Chart.prototype.sign(g, draw, 11, 6, 3.5); return; }
    g.setLineDash(draw === "dashes" ? [5, 3] : []);
    g.beginPath(); g.moveTo(0, 6); g.lineTo(22, 6); g.stroke();
  };
  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  return sign;
}

function legendOf(chart, panel, scene) {
  const legend = make("div", { class: "legend" });
  for (const layer of panel.layers) {
    const button = make("button", { type: "button", title: "show or hide", "aria-pressed": "true" }, legendSign(layer.draw, layer.colour), layer.name);
    button.addEventListener("click", () => { chart.toggle(layer.name); button.setAttribute("aria-pressed", String(!chart.hidden.has(layer.name))); });
    legend.append(button);
  }
  for (const [colour, word] of panel.legend) legend.append(make("span", {}, legendSign("square", colour), word));
  if (panel.timed) {
    for (const [colour, kind] of scene.kinds) legend.append(make("span", {}, legendSign("square", colour), kind));
    if (scene.elections.length) legend.append(make("span", {}, legendSign("tick", 0), "leader elected"));
  }
  return legend;
}

function zoomButtons(view) {
  const button = (text, title, act) => {
    const element = make("button", { type: "button", title }, text);
    element.addEventListener("click", act);
    return element;
  };
  return [
    button("+", "zoom in", () => view.zoom(0.5)), button("−", "zoom out", () => view.zoom(2)),
    button("◀", "earlier", () => view.pan(-0.3)), button("▶", "later", () => view.pan(0.3)), button("all", "show all", () => view.reset()),
  ];
}

function figure(place, panel, scene, shared) {
  const view = panel.timed ? shared : new SharedView(panel.x.from, panel.x.to);
  const canvas = make("canvas", { id: "chart-" + panel.id });
  const chart = new Chart(canvas, panel, scene, view);
  const bar = make("div", { class: "bar" }, make("h3", {}, panel.title), ...zoomButtons(view));
  place.append(make("figure", {}, bar, legendOf(chart, panel, scene), canvas));
  return chart;
}

// The partition charts: one is shown at a time.
function partitions(place, panels, scene, shared) {
  if (!panels.length) return;
  const select = make("select", { "aria-label": "partition" });
  const figures = panels.map((panel, n) => {
    const holder = make("div");
    figure(holder, panel, scene, shared);
    holder.hidden = n > 0;
    select.append(make("option", { value: String(n) }, panel.title));
    return holder;
  });
  select.addEventListener("change", () => figures.forEach((holder, n) => { holder.hidden = n !== Number(select.value); }));
  if (panels.length > 1) place.append(make("p", {}, select));
  place.append(...figures);
}

function spaceTime(place, data) {
  if (!data.windows.length) { place.append(make("p", { class: "hint" }, "The run left no trace.")); return; }
  // Colours go to the kinds of messages that there are; the most frequent ones come first.
  const counts = data.apis.map(() => 0);
  for (const window of data.windows) for (const message of window.messages) counts[message[4]]++;
  const order = data.apis.map((_, api) => api).sort((a, b) => counts[b] - counts[a]);
  const apis = data.apis.map((name, api) => ({ name, colour: [0, 2, 1, 4, 3, 5, 6, 7][Math.min(order.indexOf(api), 7)] }));
  const select = make("select", { "aria-label": "part of the run" });
  data.windows.forEach((window, n) => select.append(make("option", { value: String(n) }, window.title)));
  const holder = make("div");
  const open = (n) => {
    const canvas = make("canvas", { id: "diagram" });
    const diagram = new SpaceTime(canvas, data, data.windows[n], apis);
    const more = make("button", { type: "button", id: "expand" }), less = make("button", { type: "button", id: "narrow" }, "only what led to it");
    const said = make("span", { class: "hint", id: "shown", role: "status" });
    const used = [...new Set(data.windows[n].messages.map((message) => message[4]))].sort((a, b) => apis[a].name < apis[b].name ? -1 : 1);
    const filter = make("div", { class: "legend" });
    for (const api of used) {
      const button = make("button", { type: "button", title: "show or hide", "aria-pressed": "true" }, legendSign("line", apis[api].colour), apis[api].name);
      button.addEventListener("click", () => {
        diagram.off.has(api) ? diagram.off.delete(api) : diagram.off.add(api);
        button.setAttribute("aria-pressed", String(!diagram.off.has(api)));
        diagram.told();
      });
      filter.append(button);
    }
    diagram.onshown = () => {
      more.textContent = diagram.depth < diagram.cone.length && diagram.onlyCone ? "more of what led to it" : "everything";
      more.disabled = diagram.whole; less.hidden = !diagram.cone.length; less.disabled = diagram.onlyCone && diagram.depth <= 40;
      said.textContent = `${diagram.shown.length} of ${data.windows[n].messages.length} messages`;
    };
    more.addEventListener("click", () => diagram.expand());
    less.addEventListener("click", () => diagram.narrow());
    diagram.onshown();
    const bar = make("div", { class: "bar" }, ...zoomButtons(diagram.view), more, less, said);
    holder.replaceChildren(make("figure", {}, bar, filter, canvas));
    const chain = data.windows[n].chain;
    if (chain.length) {
      const steps = make("ol");
      for (const [, at, text] of chain) {
        const button = make("button", { type: "button" }, `${(at / 1e6).toFixed(3)} s`);
        button.addEventListener("click", () => { diagram.view.set(at / 1e6 - 0.02, at / 1e6 + 0.02); canvas.scrollIntoView({ block: "nearest" }); });
        steps.append(make("li", {}, button, " " + text));
      }
      holder.append(steps);
    }
  };
  select.addEventListener("change", () => open(Number(select.value)));
  if (data.windows.length > 1) place.append(make("p", {}, select));
  place.append(holder);
  open(0);
}

function copyButtons() {
  for (const button of document.querySelectorAll("button.copy")) button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.of).textContent;
    try { await navigator.clipboard.writeText(text); } catch {
      const field = make("textarea", { value: text });
      document.body.append(field); field.select(); document.execCommand("copy"); field.remove();
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}

function themeButton() {
  const button = document.getElementById("theme");
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = dark() ? "light" : "dark"; };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    name();
    dispatchEvent(new Event("resize"));
    for (const chart of everything) chart.changed();
  });
  name();
}

const everything = [];
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const shared = new SharedView(data.from, data.to);
  everything.push({ changed: () => shared.charts.forEach((chart) => chart.changed()) });
  const offsets = data.panels.filter((panel) => panel.id.startsWith("offsets-"));
  for (const panel of data.panels) {
    const place = document.querySelector(`[data-panels~="${panel.id}"]`);
    if (place && !offsets.includes(panel)) everything.push(figure(place, panel, data.scene, shared));
  }
  const place = document.querySelector("[data-offsets]");
  if (place) partitions(place, offsets, data.scene, shared);
  const operations = document.getElementById("operations-place");
  if (operations && data.timeline.operations.length) {
    const canvas = make("canvas", { id: "timeline" });
    operations.append(make("figure", {}, make("div", { class: "bar" }, make("h3", {}, "Operations of each client"), ...zoomButtons(shared)), canvas));
    new Timeline(canvas, data.timeline, data.scene, shared);
  }
  const diagram = document.getElementById("spacetime-place");
  if (diagram) spaceTime(diagram, data.spacetime);
  copyButtons();
  themeButton();
}
