// The frame of the console: it finds the page for the URL, draws it, and has what all pages share,
// which are navigation, keyboard, theme and search.

import {h, render} from './html.js';
import {accessBar, visitor} from './access.js';
import {meet} from './api.js';
import {useUTC} from './format.js';
import {consumers, startModel, trouble} from './model.js';
import {asOf, empty} from './parts.js';
import {flow} from './flow.js';
import {events} from './events.js';
import {order} from './order.js';
import {orders} from './orders.js';
import {consumers as consumersPage} from './consumers.js';
import {consumer} from './consumer.js';
import {parked} from './parked.js';
import {verify} from './verify.js';
import {operations} from './operations.js';
import {system} from './system.js';

const routes = [
  {path: '/ui/', name: 'Flow', key: 'f', page: flow},
  {path: '/ui/events', name: 'Events', key: 'e', page: events},
  {path: '/ui/orders', name: 'Orders', key: 'o', page: orders},
  {path: '/ui/orders/{id}', name: 'Orders', page: order},
  {path: '/ui/consumers', name: 'Consumers', key: 'c', page: consumersPage},
  {path: '/ui/consumers/{name}', name: 'Consumers', page: consumer},
  {path: '/ui/parked', name: 'Parked', key: 'p', page: parked},
  {path: '/ui/verify', name: 'Verify', key: 'v', page: verify},
  {path: '/ui/operations', name: 'Log', key: 'l', page: operations},
  {path: '/ui/system', name: 'System', key: 's', page: system},
];

const root = document.getElementById('app');
let current;
let drawing = false;

/** Draws the page again, in the next frame. */
function changed() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function find(pathname) {
  for (const route of routes) {
    const names = [];
    const pattern = route.path.replace(/\{(\w+)\}/g, (_, name) => {
      names.push(name);
      return '([^/]+)';
    });
    const match = new RegExp(`^${pattern}/?$`).exec(pathname);
    if (match) {
      return {
        route,
        params: Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(match[i + 1])])),
      };
    }
  }
  return undefined;
}

/** What a page gets: its parameters, and ways to say that something has changed. */
class Place {
  constructor(params, query) {
    this.params = params;
    this.query = query;
    this.changed = changed;
    this.go = go;
  }

  /**
   * Changes parameters of the query, in the URL too, without a new entry in the browser's history.
   */
  setQuery(values) {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined || value === '') this.query.delete(name);
      else this.query.set(name, value);
    }
    const text = this.query.toString();
    history.replaceState(null, '', location.pathname + (text ? `?${text}` : ''));
    changed();
  }
}

function open() {
  current?.page.leave?.();
  const found = find(location.pathname);
  const place = new Place(found?.params ?? {}, new URLSearchParams(location.search));
  current = {route: found?.route, page: found ? found.route.page(place) : missing()};
  document.title = `${current.page.title} · Orderflow`;
  changed();
}

/** Goes to another view. */
export function go(href) {
  history.pushState(null, '', href);
  open();
  scrollTo(0, 0);
  document.getElementById('content')?.focus({preventScroll: true});
}

function missing() {
  return {
    title: 'No such page',
    view: () => [
      h('h1', 'No such page'),
      empty('There is no view with this address. The views are in the menu.'),
    ],
  };
}

// Links to views are followed without a new load.
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  if (
    !link ||
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey
  )
    return;
  const url = new URL(link.href);
  if (
    url.origin !== location.origin ||
    !url.pathname.startsWith('/ui/') ||
    url.pathname.startsWith('/ui/api')
  )
    return;
  if (link.target || link.hasAttribute('download')) return;
  event.preventDefault();
  document.getElementById('menu')?.hidePopover?.();
  go(url.pathname + url.search + url.hash);
});
addEventListener('popstate', open);

const themes = ['auto', 'light', 'dark'];
const stored = (name, otherwise) => localStorage.getItem(`orderflow.${name}`) ?? otherwise;
let theme = stored('theme', 'auto');
let utc = stored('utc', 'no') === 'yes';

function applyChoices() {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  useUTC(utc);
  localStorage.setItem('orderflow.theme', theme);
  localStorage.setItem('orderflow.utc', utc ? 'yes' : 'no');
  changed();
}

function nextTheme() {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  applyChoices();
}

// Where a typed text leads: an id to its order, anything else to the search.
function search(event) {
  event.preventDefault();
  const field = event.target.elements.q;
  const text = field.value.trim();
  if (text === '') return;
  field.value = '';
  field.blur();
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
  go(
    uuid.test(text) ? `/ui/orders/${text.toLowerCase()}` : `/ui/orders?customer=${encodeURIComponent(text)}`,
  );
}

function navigation() {
  const bad = (consumers.data?.consumers ?? []).filter((c) => trouble(c)?.level === 'bad').length;
  const parked = (consumers.data?.consumers ?? []).reduce((sum, c) => sum + c.parked, 0);
  const badges = {Consumers: bad, Parked: parked};
  return routes
    .filter((route) => route.key)
    .map((route) =>
      h(
        'a',
        {
          key: route.name,
          href: route.path,
          'aria-current': current.route?.name === route.name ? 'page' : undefined,
          title: `keyboard: g ${route.key}`,
        },
        route.name,
        badges[route.name] > 0 && h('span.badge', badges[route.name]),
      ),
    );
}

function frame() {
  return [
    h('a.skip', {href: '#content', key: 'skip', onclick: skip}, 'Skip to the content'),
    h(
      'header.top',
      {key: 'top'},
      h(
        'a.brand',
        {href: '/ui/'},
        h(
          'svg:svg',
          {viewBox: '0 0 32 32', 'aria-hidden': 'true'},
          h('svg:path', {d: 'M4 16h8m0 0c5 0 4-8 9-8h7M12 16h16M12 16c5 0 4 8 9 8h7'}),
          h('svg:circle', {cx: 12, cy: 16, r: 3.4}),
        ),
        'Orderflow',
      ),
      h(
        'button.menu-button',
        {type: 'button', popovertarget: 'menu', 'aria-label': 'Menu'},
        h(
          'svg:svg',
          {viewBox: '0 0 16 16', 'aria-hidden': 'true'},
          h('svg:path', {d: 'M2 4h12M2 8h12M2 12h12'}),
        ),
      ),
      h('nav', {'aria-label': 'Views'}, navigation(), h('a', {href: '/ui/api/', key: 'api'}, 'API')),
      h(
        'form.search',
        {role: 'search', onsubmit: search},
        h('input', {
          name: 'q',
          type: 'search',
          placeholder: 'Order id or customer   /',
          'aria-label': 'Find an order by its id, or the orders of a customer',
          autocomplete: 'off',
          spellcheck: 'false',
        }),
      ),
      h(
        'div.choices',
        h(
          'button',
          {
            type: 'button',
            onclick: nextTheme,
            title: 'Theme: auto, light, dark (t)',
            'aria-label': `Theme: ${theme}`,
          },
          {auto: '◐', light: '○', dark: '●'}[theme],
        ),
        h(
          'button',
          {
            type: 'button',
            onclick: () => {
              utc = !utc;
              applyChoices();
            },
            'aria-pressed': String(utc),
            title: 'Show times in UTC (u)',
          },
          'UTC',
        ),
        visitor(),
        h('button', {type: 'button', onclick: help, title: 'Keyboard (?)', 'aria-label': 'Keyboard'}, '?'),
      ),
    ),
    h(
      'nav.menu',
      {id: 'menu', popover: 'auto', 'aria-label': 'Menu', key: 'menu'},
      navigation(),
      h('a', {href: '/ui/api/', key: 'api'}, 'API'),
      visitor(),
    ),
    accessBar(changed),
    consumers.problem &&
      !consumers.problem.access &&
      h(
        'div.outage',
        {role: 'alert', key: 'outage'},
        h('strong', 'The service does not answer. '),
        'What you see is old: ',
        asOf(consumers),
        '. It is asked again every second.',
      ),
    h(
      'main',
      {id: 'content', tabindex: -1, key: 'content', class: current.page.wide ? 'wide' : ''},
      h('div.page', {key: location.pathname}, current.page.view()),
    ),
    h('div', {id: 'toasts', role: 'status', 'aria-live': 'polite', key: 'toasts', own: true}),
  ];
}

function skip(event) {
  event.preventDefault();
  document.getElementById('content').focus();
}

function draw() {
  try {
    render(root, frame());
  } catch (error) {
    console.error(error);
    root.textContent = `The page has a fault: ${error.message}. Load it again; the API is not affected.`;
  }
}

// g and a letter go to a view. Pages add their own keys.
let waitsForView = false;

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest?.('input, textarea, select');
  if (field) {
    if (event.key === 'Escape') field.blur();
    return;
  }
  if (document.querySelector('dialog[open]')) return;
  if (waitsForView) {
    waitsForView = false;
    const route = routes.find((one) => one.key === event.key);
    if (route) {
      event.preventDefault();
      go(route.path);
      return;
    }
  }
  switch (event.key) {
    case 'g':
      waitsForView = true;
      return;
    case '/':
      event.preventDefault();
      document.querySelector('.search input')?.focus();
      return;
    case 't':
      nextTheme();
      return;
    case 'u':
      utc = !utc;
      applyChoices();
      return;
    case '?':
      help();
      return;
    default:
  }
  if (current.page.keys?.[event.key]) {
    event.preventDefault();
    current.page.keys[event.key](event);
  }
});

function help() {
  const dialog = document.createElement('dialog');
  dialog.className = 'help';
  dialog.setAttribute('aria-label', 'Keyboard');
  const rows = [
    ...routes.filter((route) => route.key).map((route) => [`g ${route.key}`, route.name]),
    ['/', 'Search'],
    ['t', 'Theme'],
    ['u', 'UTC'],
    ['?', 'This list'],
    ...Object.entries(current.page.help ?? {}),
  ];
  render(
    dialog,
    h('h2', 'Keyboard'),
    h(
      'dl',
      rows.map(([key, text]) => [h('dt', h('kbd', key)), h('dd', text)]),
    ),
    h('form', {method: 'dialog'}, h('button', 'Close')),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

startModel(changed);
meet(changed);
applyChoices();
open();
