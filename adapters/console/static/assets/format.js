// How numbers, times, ids and money look. Every function takes undefined for "not known".

export const UNKNOWN = 'unknown';

const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const compactFormat = new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 1});

/** 12,345 */
export function count(n) {
  return n === undefined || n === null ? UNKNOWN : whole.format(n);
}

/** 12,345 in few characters: 12.3K. */
export function compact(n) {
  if (n === undefined || n === null) return UNKNOWN;
  return n < 10000 ? whole.format(n) : compactFormat.format(n);
}

/** A rate a second with about two digits that count. */
export function rate(n) {
  if (n === undefined || n === null) return UNKNOWN;
  if (n === 0) return '0';
  if (n < 10) return n.toFixed(1);
  return compact(Math.round(n));
}

/** One thing, or several: plural(2, 'event') is "2 events". */
export function plural(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}

/** A length of time in at most two units: 340 ms, 4.2 s, 3 min 10 s, 5 h 2 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds === undefined || seconds === null || Number.isNaN(seconds)) return UNKNOWN;
  const s = Math.max(0, seconds);
  if (s === 0) return '0 s';
  if (s < 0.0001) return '< 0.1 ms';
  if (s < 0.00995) return `${(s * 1000).toFixed(1)} ms`;
  if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const units = [
    ['d', 86400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  let left = Math.round(s);
  const parts = [];
  for (const [name, size] of units) {
    const n = Math.floor(left / size);
    left -= n * size;
    if (n > 0) parts.push(`${n} ${name}`);
    if (parts.length === 2 || (parts.length === 1 && n === 0)) break;
  }
  return parts.join(' ');
}

/** The middle of an id left out; the whole is for the title and for copying. */
export function shortId(id) {
  return id && id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-4)}` : (id ?? UNKNOWN);
}

/** An amount in minor units, with the digits of its currency. */
export function money(minor, currency) {
  if (minor === undefined || minor === null) return UNKNOWN;
  let format;
  try {
    format = new Intl.NumberFormat('en', {style: 'currency', currency, currencyDisplay: 'code'});
  } catch {
    return `${count(minor)} ${currency ?? ''}`;
  }
  const digits = format.resolvedOptions().maximumFractionDigits;
  // Beyond the exact whole numbers of JavaScript an amount is shown in minor units, not rounded.
  if (!Number.isSafeInteger(minor)) return `${minor} minor units of ${currency}`;
  return format.format(minor / 10 ** digits).replace(/\u00a0/g, ' ');
}

let zone;

/** Chooses UTC or the browser's own zone for all times. */
export function useUTC(on) {
  zone = on ? 'UTC' : undefined;
}

const exactFormats = new Map();

function exactFormat(withDate) {
  const name = `${zone}${withDate}`;
  if (!exactFormats.has(name)) {
    const date = withDate ? {year: 'numeric', month: 'short', day: '2-digit'} : {};
    exactFormats.set(
      name,
      new Intl.DateTimeFormat('en-GB', {
        ...date,
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        fractionalSecondDigits: 3,
        hour12: false,
        timeZone: zone,
        timeZoneName: withDate ? 'short' : undefined,
      }),
    );
  }
  return exactFormats.get(name);
}

/** The exact time with its zone. */
export function exact(time) {
  return time ? exactFormat(true).format(new Date(time)) : UNKNOWN;
}

/** The time of day, to the millisecond. */
export function clock(time) {
  return time ? exactFormat(false).format(new Date(time)) : UNKNOWN;
}

/** How long ago something was, for people. */
export function ago(time, now = Date.now()) {
  if (!time) return UNKNOWN;
  const seconds = (now - new Date(time)) / 1000;
  if (seconds < 1) return 'now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  return `${duration(seconds)} ago`;
}
