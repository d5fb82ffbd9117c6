// What the page shows when the service asks who the visitor is, or does not allow something.

import {h} from './html.js';
import {access, keepToken} from './api.js';
import {commandLine} from './parts.js';

const hidden = new Set();
const nameOf = (p) => `${p.status} ${p.scope}`;

/** The bar below the menu that says what is refused and takes a token, or nothing. */
export function accessBar(changed) {
  const p = access.refused;
  if (!p || hidden.has(nameOf(p))) return undefined;
  const hide = () => {
    hidden.add(nameOf(p));
    changed();
  };
  return h(
    'section.access',
    {key: 'access', 'aria-label': 'Access'},
    h(
      'p',
      {role: 'alert'},
      h('strong', refusedBecause(p)),
      ` ${p.message}. What cannot be read is unknown, and not 0.`,
    ),
    h(
      'form',
      {
        onsubmit: (event) => {
          event.preventDefault();
          const token = event.target.elements.token.value.trim();
          if (token !== '') keepToken(token);
        },
      },
      h('input', {
        name: 'token',
        type: 'password',
        autocomplete: 'off',
        spellcheck: 'false',
        placeholder: 'Paste a token',
        'aria-label': 'Token',
      }),
      h('button.primary', 'Use it'),
      access.token && h('button', {type: 'button', onclick: () => keepToken('')}, 'Forget the token'),
      p.status === 403 && h('button', {type: 'button', onclick: hide}, 'Hide'),
      h('span.note', 'It is kept in this tab until the tab is closed, and sent only to this service.'),
    ),
    commandLine(`token create --name=console ${p.scope ? `--scope=${p.scope}` : '--role=viewer'}`),
  );
}

/** The reason of a refusal, in plain words. */
export function refusedBecause(p) {
  if (p.status === 401) return access.token ? 'The token is not accepted.' : 'The service asks for a token.';
  return p.scope ? `Not allowed: the scope ${p.scope} is missing.` : 'Not allowed.';
}
