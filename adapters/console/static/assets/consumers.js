// The Consumers page: all of them in a table.

import {h} from './html.js';
import {compact, count, duration, plural, rate} from './format.js';
import {consumers as watched, history, trouble} from './model.js';
import {asOf, figure, sparkline, state, waiting} from './parts.js';

export function consumers() {
  return {
    title: 'Consumers',
    view: () => [
      h('div.title-row', h('h1', 'Consumers'), asOf(watched)),
      watched.data ? h('div.panel.scroll-x.list', table(watched.data.consumers)) : waiting(watched),
    ],
  };
}

/** How far a consumer is behind, in words. */
export function figureOfLag(c) {
  if (!c.lag.known) return h('span.unknown', {title: c.lag.error}, 'lag unknown');
  if (c.lag.events === 0) return 'up to date';
  return `${plural(c.lag.events, 'event')} behind, ${duration(c.lag.age_seconds)}`;
}

function table(all) {
  return h(
    'table.consumers',
    h(
      'thead',
      h(
        'tr',
        h('th', 'Consumer'),
        h('th', 'State'),
        h('th.num', 'Waiting'),
        h('th.num', 'Behind'),
        h('th.num', 'Per second'),
        h('th', 'Five minutes'),
        h('th.num', 'Headroom'),
        h('th.num', 'Parked'),
        h('th.num', 'Generation'),
        h('th', 'Runs'),
      ),
    ),
    h(
      'tbody',
      all.map((c) => {
        const wrong = trouble(c);
        const kept = history(c.name);
        return h(
          'tr',
          {key: c.name, class: wrong?.level ?? ''},
          h(
            'td',
            h('a', {href: `/ui/consumers/${encodeURIComponent(c.name)}`}, h('strong', c.name)),
            wrong && h('div.why', wrong.what),
          ),
          h('td', state(c.state)),
          h('td.num', figure(c.lag.known ? compact(c.lag.events) : 'unknown')),
          h('td.num', figure(c.lag.known ? duration(c.lag.age_seconds) : 'unknown')),
          h('td.num', figure(rate(kept.rate.last))),
          h(
            'td.sparkcell',
            sparkline(kept.rate, {
              over: kept.events,
              label: `events handled by ${c.name} in the last five minutes`,
            }),
          ),
          h(
            'td.num',
            figure(c.lag.headroom_seconds === undefined ? 'unknown' : duration(c.lag.headroom_seconds)),
          ),
          h(
            'td.num',
            c.parked > 0
              ? h('a.bad-text', {href: `/ui/parked?consumer=${encodeURIComponent(c.name)}`}, count(c.parked))
              : '0',
          ),
          h('td.num', c.live.number > 0 ? `${c.live.number} (v${c.live.version})` : '–'),
          h('td', c.holder ? c.holder.address : 'here'),
        );
      }),
    ),
  );
}
