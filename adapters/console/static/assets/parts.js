// Parts that several pages share. All are plain functions that describe nodes.

import {h, render} from './html.js';
import {UNKNOWN, ago, exact, shortId} from './format.js';
import {Series} from './watch.js';

// Times on the page are brought up to date together, twice a second.
class Ago extends HTMLElement {
  #at;
  #prefix = '';
  set at(value) {
    this.#at = value;
    this.show();
  }
  set prefix(value) {
    this.#prefix = value;
    this.show();
  }
  show() {
    const text = this.#at ? this.#prefix + ago(this.#at) : UNKNOWN;
    if (this.textContent !== text) this.textContent = text;
    this.classList.toggle('unknown', !this.#at);
  }
  connectedCallback() {
    agos.add(this);
    this.show();
  }
  disconnectedCallback() {
    agos.delete(this);
  }
}

const agos = new Set();
customElements.define('of-ago', Ago);
setInterval(() => {
  for (const one of agos) one.show();
}, 500);

/** A time, as long ago; the exact one is in its title. */
export function when(time) {
  return h('of-ago', {at: time, 'aria-label': undefined, title: time ? exact(time) : 'not known'});
}

// A figure is stale when it is older than three times its usual age.
class AsOf extends HTMLElement {
  #watched;
  set watched(value) {
    this.#watched = value;
    this.show();
  }
  show() {
    const {at, problem, asking} = this.#watched ?? {};
    let text = at ? `as of ${ago(at)}` : 'nothing known yet';
    if (!at && asking && !problem)
      text = `asking for ${Math.max(0, Math.round((Date.now() - asking) / 1000))} s, at most 10 s`;
    if (problem) text = `${at ? `as of ${ago(at)}; ` : ''}${problem.message}`;
    if (this.textContent !== text) this.textContent = text;
    this.classList.toggle(
      'stale',
      Boolean(problem) || (at !== undefined && Date.now() - at > 5000 && !document.hidden),
    );
  }
  connectedCallback() {
    agos.add(this);
    this.show();
  }
  disconnectedCallback() {
    agos.delete(this);
  }
}
customElements.define('of-as-of', AsOf);

/** How old the figures of a Watched are, and why there are no newer ones. */
export function asOf(watched) {
  return h('of-as-of', {watched});
}

/** A value that may be unknown; unknown is grey and has a word. */
export function figure(text) {
  return h('span.figure', {class: text === UNKNOWN ? 'unknown' : ''}, text);
}

const GLYPHS = {
  running: '●',
  parked: '◆',
  paused: 'Ⅱ',
  failed: '✕',
  failing: '▲',
  stopped: '■',
  standby: '○',
  'catching-up': '»',
  expired: '»',
  rebuilding: '↻',
};
const LEVELS = {
  failed: 'bad',
  failing: 'bad',
  stopped: 'bad',
  parked: 'bad',
  paused: 'warn',
  expired: 'warn',
};

/** The state of a consumer: a shape, a colour and the word. */
export function state(name) {
  return h(
    'span.state',
    {class: LEVELS[name] ?? ''},
    h('span', {'aria-hidden': 'true'}, GLYPHS[name] ?? '?'),
    ' ',
    name,
  );
}

/** The status of an order. */
export function status(name) {
  return h('span.status', {class: `s-${String(name).toLowerCase()}`}, name ?? UNKNOWN);
}

/** An id: shortened, whole in its title and when copied. */
export function id(text, href) {
  const shown = h('code.id', {title: text}, shortId(text));
  return h('span.with-copy', href ? h('a', {href}, shown) : shown, copyButton(text, 'Copy the id'));
}

/** A button that copies a text. */
export function copyButton(text, label = 'Copy', shown) {
  return h(
    'button.copy',
    {
      type: 'button',
      title: label,
      'aria-label': shown ? undefined : label,
      onclick: async (event) => {
        event.preventDefault();
        event.stopPropagation();
        const button = event.currentTarget;
        await copy(typeof text === 'function' ? text() : text);
        button.classList.add('done');
        setTimeout(() => button.classList.remove('done'), 1200);
      },
    },
    shown ??
      h(
        'svg:svg',
        {viewBox: '0 0 16 16', 'aria-hidden': 'true'},
        h('svg:path', {d: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z'}),
      ),
  );
}

// The clipboard of the browser exists only on https and on localhost.
async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement('textarea');
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
}

/** The command line for the same act. */
export function commandLine(args) {
  return rawLine(`orderflow ${args}`);
}

/** A line for a shell. */
export function rawLine(text) {
  const words = text.split(' ').map((word, i) => [i > 0 && ' ', h('span.word', word)]);
  return h('div.cli', h('code', {tabindex: 0}, words), copyButton(text, 'Copy the command'));
}

/** A view without content says which command fills it. */
export function empty(text, args) {
  return h('div.empty', h('p', text), args && commandLine(args));
}

/** A problem of a request, with all that it says. */
export function problem(p, again) {
  return h(
    'div.problem',
    {role: 'alert'},
    p.access && p.scope && h('p', h('strong', `Not allowed: the scope ${p.scope} is missing.`)),
    h('strong', p.code ? `${p.code}${p.status ? ` (${p.status})` : ''}` : 'Problem'),
    ' ',
    h('span', p.message),
    p.errors?.length > 0 &&
      h(
        'ul',
        p.errors.map((e) => h('li', e.field && h('code', e.field), ' ', e.message)),
      ),
    again && h('button', {type: 'button', onclick: again}, 'Try again'),
  );
}

/** What stands where an answer will be. */
export function waiting(watched, again) {
  if (watched.problem) return problem(watched.problem, again ?? (() => watched.refresh()));
  return h('div.waiting', {role: 'status'}, asOf(watched));
}

/**
 * The last minutes of a Series as an area, and of another one over it as a line. What is not known
 * is a gap.
 */
export function sparkline(series, {over, width = 120, height = 28, label} = {}) {
  const now = series.points.at(-1)?.at ?? 0;
  const span = Math.min(Series.span, Math.max(30_000, now - (series.points[0]?.at ?? 0)));
  const scale = (one) => Math.max(1, one.most ?? 0);
  const trace = (one) => {
    const runs = [];
    let run;
    for (const p of one.points) {
      if (p.value === undefined) {
        run = undefined;
        continue;
      }
      if (!run) runs.push((run = []));
      run.push([width - ((now - p.at) / span) * width, height - 1 - (p.value / scale(one)) * (height - 4)]);
    }
    return runs.map((points) =>
      points
        .map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`)
        .reduce(
          (d, at, i) => ({line: `${d.line}${i ? 'L' : 'M'}${at}`, from: points[0][0], to: points[i][0]}),
          {line: ''},
        ),
    );
  };
  const area = trace(series);
  return h(
    'svg:svg.spark',
    {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label},
    h('svg:path.base', {d: `M0 ${height - 0.5}H${width}`}),
    h('svg:path.area', {d: area.map((r) => `${r.line}V${height - 1}H${r.from.toFixed(1)}Z`).join('')}),
    h('svg:path.line', {d: area.map((r) => r.line).join('')}),
    over &&
      (over.most ?? 0) > 0 &&
      h('svg:path.over', {
        d: trace(over)
          .map((r) => r.line)
          .join(''),
      }),
  );
}

/**
 * Asks before something is done. Returns the values of the fields, or undefined when it is left.
 * Where something can be lost or repeated, the name in typed has to be typed.
 */
export function confirmDialog({title, consequence, typed, line, act, fields = [], danger = true}) {
  return new Promise((resolve) => {
    const dialog = document.createElement('dialog');
    dialog.setAttribute('aria-label', title);
    const values = Object.fromEntries(fields.map((field) => [field.name, field.value ?? '']));
    let name = '';
    let answer;
    const draw = () => {
      const filled = fields.every((field) => field.optional || values[field.name].trim() !== '');
      render(
        dialog,
        h(
          'form',
          {
            method: 'dialog',
            onsubmit: () => {
              answer = {...values};
            },
          },
          h('h2', title),
          consequence && h('p.consequence', consequence),
          fields.map((field) =>
            h(
              'label',
              {key: field.name},
              field.label,
              h(field.long ? 'textarea' : 'input', {
                name: field.name,
                value: values[field.name],
                placeholder: field.placeholder,
                maxlength: field.most,
                oninput: (event) => {
                  values[field.name] = event.target.value;
                  draw();
                },
              }),
            ),
          ),
          typed &&
            h(
              'label',
              h('span', 'Type ', h('code', typed), ' to go on'),
              h('input', {
                name: 'typed',
                autocomplete: 'off',
                spellcheck: 'false',
                value: name,
                oninput: (event) => {
                  name = event.target.value;
                  draw();
                },
              }),
            ),
          line && commandLine(typeof line === 'function' ? line(values) : line),
          h(
            'div.buttons',
            h('button', {type: 'button', onclick: () => dialog.close()}, 'Leave it'),
            h(
              'button',
              {
                class: danger ? 'danger' : 'primary',
                disabled: !filled || (typed !== undefined && name !== typed),
              },
              act,
            ),
          ),
        ),
      );
    };
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    draw();
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A short message at the edge of the page. */
export function toast(text, bad = false) {
  const area = document.getElementById('toasts');
  const note = document.createElement('div');
  note.className = bad ? 'toast bad' : 'toast';
  note.textContent = text;
  area.append(note);
  setTimeout(() => note.remove(), bad ? 10_000 : 4_000);
}
