// The lines of the Flow page and what moves along them. The boxes are HTML, laid out by CSS; the
// lines are drawn between them wherever they are. A dot is an event, at the real rate up to a
// bound. Above the bound lines only grow thicker.

import {h, render} from './html.js';

const SVG = 'http://www.w3.org/2000/svg';
/** How far a dot goes in a second, in pixels. */
const SPEED = 150;
/** Dots that a line sends in a second at most. */
const MOST = 11;

const still = matchMedia('(prefers-reduced-motion: reduce)');

export class Wires {
  #svg;
  #wires = [];
  #lines = new Map();
  #frame;
  #last;
  #sizes;

  /** Says what flows: the consumers with their rates, and the rates before them. */
  describe(consumers, commands, events, alive) {
    const list = [
      {id: 'commands', from: 'commands', to: 'store', rate: commands, state: 'flows'},
      {id: 'store', from: 'store', to: 'feed', rate: events, state: 'flows', beats: alive},
    ];
    for (const c of consumers) {
      list.push({
        id: `in:${c.name}`,
        from: 'feed',
        to: `queue:${c.name}`,
        rate: c.rate,
        state: c.state,
        beats: alive && c.state === 'flows',
      });
      list.push({
        id: `out:${c.name}`,
        from: `box:${c.name}`,
        to: `target:${c.name}`,
        rate: c.out,
        state: c.state === 'paused' ? 'quiet' : c.state,
      });
    }
    this.#wires = list;
    requestAnimationFrame(() => this.#draw());
  }

  start(svg) {
    this.#svg = svg;
    this.#sizes = new ResizeObserver(() => this.#draw());
    this.#sizes.observe(svg.parentElement);
    this.#last = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#move(now));
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#sizes?.disconnect();
    this.#svg = undefined;
  }

  // Draws the lines where the boxes are now.
  #draw() {
    if (!this.#svg?.isConnected) return;
    const area = this.#svg.parentElement.getBoundingClientRect();
    const box = (node) => {
      const found = this.#svg.parentElement.querySelector(`[data-node="${node}"]`);
      const r = found?.getBoundingClientRect();
      return (
        r && {
          left: r.left - area.left,
          right: r.right - area.left,
          top: r.top - area.top,
          bottom: r.bottom - area.top,
          x: r.left - area.left + r.width / 2,
          y: r.top - area.top + r.height / 2,
        }
      );
    };
    this.#svg.setAttribute('viewBox', `0 0 ${area.width} ${area.height}`);
    const drawn = [];
    for (const wire of this.#wires) {
      const from = box(wire.from);
      const to = box(wire.to);
      if (!from || !to || to.right === to.left) continue;
      drawn.push({...wire, d: way(from, to)});
    }
    // The thickness tells the rate on a logarithmic scale.
    const width = (rate) => (1.25 + Math.min(4, Math.log10(1 + rate) * 1.4)).toFixed(2);
    render(
      this.#svg.querySelector('.paths'),
      drawn.map((wire) =>
        h(
          'svg:g',
          {key: wire.id, class: `wire ${wire.state}`},
          h('svg:path', {d: wire.d, 'stroke-width': width(wire.rate), 'data-wire': wire.id}),
          wire.state === 'cut' && cut(wire.d),
        ),
      ),
    );
    const kept = new Map();
    for (const wire of drawn) {
      const path = this.#svg.querySelector(`[data-wire="${wire.id}"]`);
      const before = this.#lines.get(wire.id);
      kept.set(wire.id, {
        path,
        rate: wire.state === 'flows' ? wire.rate : 0,
        beats: wire.beats,
        length: path.getTotalLength(),
        due: before?.due ?? Math.random(),
        beat: before?.beat ?? 0,
        dots: before?.dots ?? [],
      });
      this.#lines.delete(wire.id);
    }
    for (const gone of this.#lines.values()) for (const dot of gone.dots) dot.node.remove();
    this.#lines = kept;
  }

  #move(now) {
    if (!this.#svg) return;
    this.#frame = requestAnimationFrame((next) => this.#move(next));
    const passed = Math.min(0.1, (now - this.#last) / 1000);
    this.#last = now;
    if (still.matches) return;
    for (const line of this.#lines.values()) {
      line.due += passed * Math.min(line.rate, MOST);
      for (; line.due >= 1; line.due -= 1) this.#send(line, 'dot');
      // A heartbeat goes the whole way all the time, so a line without events is seen to be alive.
      line.beat += passed;
      if (line.beats && line.beat > 2.5) {
        line.beat = 0;
        if (line.rate < 0.5) this.#send(line, 'beat');
      }
      for (const dot of line.dots) {
        dot.at += (passed * SPEED) / Math.max(line.length, 60);
        const p = line.path.getPointAtLength(Math.min(1, dot.at) * line.length);
        dot.node.setAttribute('cx', p.x.toFixed(1));
        dot.node.setAttribute('cy', p.y.toFixed(1));
        if (dot.at >= 1) dot.node.remove();
      }
      line.dots = line.dots.filter((dot) => dot.at < 1);
    }
  }

  #send(line, kind) {
    const node = document.createElementNS(SVG, 'circle');
    node.setAttribute('class', kind);
    node.setAttribute('r', kind === 'dot' ? '2.8' : '2');
    this.#svg.querySelector('.dots').append(node);
    line.dots.push({node, at: 0});
  }
}

// A way from a box to the next one: a curve where that is beside it, a line with round corners
// where it is below.
function way(from, to) {
  if (to.left >= from.right - 1) {
    const bend = (to.left - from.right) * 0.55;
    return `M${from.right} ${from.y}C${from.right + bend} ${from.y} ${to.left - bend} ${to.y} ${to.left} ${to.y}`;
  }
  const x = from.left + 14;
  if (to.left > x + 4) return `M${x} ${from.bottom}V${to.y - 8}q0 8 8 8H${to.left}`;
  return `M${from.x} ${from.bottom}V${to.top}`;
}

// The mark of a line that is cut.
function cut(d) {
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', d);
  const length = path.getTotalLength();
  const p = path.getPointAtLength(length - Math.min(18, length / 2));
  return h('svg:path.cut-mark', {d: `M${p.x - 6} ${p.y - 6}l12 12m0 -12l-12 12`});
}
