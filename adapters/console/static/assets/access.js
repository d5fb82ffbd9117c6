// Who the visitor is, and what the page shows when the service asks that or does not allow
// something.

import {h} from './html.js';
import {access, logIn, logOut} from './api.js';
import {exact} from './format.js';
import {commandLine} from './parts.js';

const hidden = new Set();
const nameOf = (p) => `${p.status} ${p.scope}`;

/** Why a login at the identity provider has failed, by the code in the query. */
const FAILED = {
  unknown: 'The login took more than ten minutes, or was begun in another browser. Log in again.',
  refused: 'The identity provider has refused the login.',
  unavailable: 'The identity provider does not answer. Try again later.',
  wrong_audience: 'The token of the identity provider is for another service. An operator has to change that.',
};

/** The code of a failed login, which does not stay in the address. */
let failed = new URLSearchParams(location.search).get('login');
if (failed !== null) history.replaceState(null, '', location.pathname);

/** The bar below the menu that says what is refused and lets the visitor log in, or nothing. */
export function accessBar(changed) {
  const p = access.refused;
  if (!failed && (!p || hidden.has(nameOf(p)))) return undefined;
  const hide = () => {
    if (p) hidden.add(nameOf(p));
    failed = null;
    changed();
  };
  const ways = access.who?.ways ?? [];
  return h(
    'section.access',
    {key: 'access', 'aria-label': 'Access'},
    h(
      'p',
      {role: 'alert'},
      failed && h('strong', `${FAILED[failed] ?? 'The login has failed; the log of the service says why.'} `),
      p && h('strong', refusedBecause(p)),
      p && ` ${p.message}. What cannot be read is unknown, and not 0.`,
      access.problem && h('span.bad-text', ` ${access.problem.message}.`),
    ),
    h(
      'form',
      {
        onsubmit: async (event) => {
          event.preventDefault();
          const field = event.target.elements.token;
          const token = field.value.trim();
          if (token === '') return;
          field.value = '';
          await logIn(token);
          changed();
        },
      },
      ways.includes('provider') &&
        h('a.button.primary', {key: 'provider', href: loginAddress()}, 'Log in with the identity provider'),
      h('input', {
        name: 'token',
        type: 'password',
        autocomplete: 'off',
        spellcheck: 'false',
        placeholder: 'Paste a token',
        'aria-label': 'Token',
      }),
      h('button.primary', 'Log in'),
      access.who?.session && h('button', {type: 'button', onclick: logOut}, 'Log out'),
      (failed || p?.status === 403) && h('button', {type: 'button', onclick: hide}, 'Hide'),
      h('span.note', 'The token is sent once. The browser keeps a session in its place, which ends with the token.'),
    ),
    commandLine(`token create --name=console ${p?.scope ? `--scope=${p.scope}` : '--role=viewer'}`),
  );
}

function loginAddress() {
  return `/v1/session/login?back=${encodeURIComponent(location.pathname + location.search)}`;
}

/** The reason of a refusal, in plain words. */
export function refusedBecause(p) {
  if (p.status !== 401) return p.scope ? `Not allowed: the scope ${p.scope} is missing.` : 'Not allowed.';
  if (access.problem) return 'The token is not accepted.';
  return access.ended ? 'The session has ended: log in again.' : 'The service asks who you are.';
}

/** Who is logged in, with the way out, or nothing. */
export function visitor() {
  const {who} = access;
  if (!who?.subject) return undefined;
  const until = who.expires_at ? `, until ${exact(who.expires_at)}` : '';
  return [
    h('span.who', {key: 'who', title: `may ${who.scopes.join(', ') || 'nothing'}${until}`}, who.subject),
    who.session && h('button.logout', {key: 'logout', type: 'button', onclick: logOut}, 'Log out'),
  ];
}
