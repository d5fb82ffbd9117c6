// A listing in pages. The first page is read again and again, and each further one is read once.

import {h} from './html.js';
import {get} from './api.js';
import {Watched} from './watch.js';

/** A listing, the newest entries first, until stop is called. */
export class Paged {
  #path;
  #entries;
  #id;
  #changed;
  #more = [];

  /** The first page. */
  first;
  /** The cursor of the next page; undefined when there is none. */
  next;
  /** Whether the next page is being asked for. */
  asking = false;
  /** The Problem of the last further page, or undefined. */
  failure;

  /** path has a query. entries is the member of a page, and id the member of an entry. */
  constructor(path, entries, id, changed) {
    this.#path = path;
    this.#entries = entries;
    this.#id = id;
    this.#changed = changed;
    this.first = new Watched(path, 5000);
    // Where the next page begins is kept once somebody has gone on to it.
    this.stop = this.first.listen(() => {
      if (this.#more.length === 0) this.next = this.first.data?.next_cursor;
      changed();
    });
  }

  /** All entries that were read, each once. */
  get entries() {
    if (!this.first.data) return [];
    const newest = this.first.data[this.#entries];
    const seen = new Set(newest.map((one) => one[this.#id]));
    return [...newest, ...this.#more.filter((one) => !seen.has(one[this.#id]))];
  }

  /** Reads the next page. */
  older = async () => {
    this.asking = true;
    this.failure = undefined;
    this.#changed();
    try {
      const page = await get(`${this.#path}&cursor=${encodeURIComponent(this.next)}`);
      this.#more = [...this.#more, ...page[this.#entries]];
      this.next = page.next_cursor;
    } catch (p) {
      this.failure = p;
    }
    this.asking = false;
    this.#changed();
  };

  /** The button that reads the next page. */
  button() {
    return h(
      'button',
      {type: 'button', disabled: this.asking, onclick: this.older},
      this.asking ? 'Asking, at most 10 s' : 'Show older ones',
    );
  }
}
