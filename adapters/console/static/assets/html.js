// The rendering helper. h() describes a node, and render() brings a parent's children to that
// description: it changes only what differs, and keeps nodes with the same key, with their focus
// and scroll position. Text is only ever set as text, so no value can become markup.
//
//   h('div.card', {key: id, onclick: open}, h('b', name), ' is ', state)
//
// A tag may carry classes ('li.row.bad'). 'svg:path' is an element of SVG. A custom element (a tag
// with a hyphen) fills itself: its children are left alone, and its props are set as properties.
// The prop own: true leaves the children of any other element alone.

const SVG = 'http://www.w3.org/2000/svg';
const KEY = Symbol('key');
const SPEC = Symbol('spec');
const PROPS = Symbol('props');
const LISTENERS = Symbol('listeners');
/** Properties that a person changes, too. */
const FIELDS = ['min', 'max', 'value', 'checked'];

class Description {
  constructor(spec, props, children) {
    this.spec = spec;
    this.props = props;
    this.children = children;
  }
}

/**
 * Describes an element. props may be left out; children may be nested lists, and false or null for
 * nothing.
 */
export function h(spec, props, ...children) {
  const given =
    props !== null && typeof props === 'object' && !Array.isArray(props) && !(props instanceof Description);
  return new Description(spec, given ? props : {}, given ? children : [props, ...children]);
}

/** Makes the children of parent what is described. */
export function render(parent, ...described) {
  patchChildren(parent, described);
}

function flatten(children, into = []) {
  for (const child of children) {
    if (Array.isArray(child)) flatten(child, into);
    else if (child !== null && child !== undefined && child !== false && child !== '') into.push(child);
  }
  return into;
}

function patchChildren(parent, children) {
  const wanted = flatten(children);
  const keyed = new Map();
  for (const node of parent.childNodes) {
    if (node[KEY] !== undefined) keyed.set(node[KEY], node);
  }
  let at = parent.firstChild;
  for (const child of wanted) {
    let node = reusable(child, keyed, at);
    if (node === null) node = create(child);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
    update(node, child);
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// A keyed node is reused wherever it is, any other only in its place.
function reusable(child, keyed, at) {
  if (!(child instanceof Description)) return at !== null && at.nodeType === Node.TEXT_NODE ? at : null;
  if (child.props.key !== undefined) {
    const node = keyed.get(child.props.key);
    keyed.delete(child.props.key);
    return node !== undefined && node[SPEC] === child.spec ? node : null;
  }
  return at !== null && at[SPEC] === child.spec && at[KEY] === undefined ? at : null;
}

function create(child) {
  if (!(child instanceof Description)) return document.createTextNode('');
  const [tag, ...classes] = child.spec.split('.');
  const node = tag.startsWith('svg:')
    ? document.createElementNS(SVG, tag.slice('svg:'.length))
    : document.createElement(tag);
  if (classes.length > 0) node.setAttribute('class', classes.join(' '));
  node[SPEC] = child.spec;
  node[KEY] = child.props.key;
  node[PROPS] = {};
  return node;
}

function update(node, child) {
  if (!(child instanceof Description)) {
    const text = String(child);
    if (node.data !== text) node.data = text;
    return;
  }
  const before = node[PROPS];
  const fresh = Object.keys(before).length === 0;
  for (const name of Object.keys(before)) {
    if (!(name in child.props)) setProp(node, name, undefined);
  }
  for (const [name, value] of Object.entries(child.props)) {
    if (before[name] !== value && !FIELDS.includes(name)) setProp(node, name, value);
  }
  node[PROPS] = child.props;
  if (!node.localName.includes('-') && !child.props.own) patchChildren(node, child.children);
  // What a field shows may have been changed by hand, so it is compared with the field itself.
  // While somebody types, only a new value counts. A choice needs its options first.
  for (const name of FIELDS) {
    if (!(name in child.props)) continue;
    if (before[name] !== child.props[name] || node !== document.activeElement)
      setProp(node, name, child.props[name]);
  }
  if (fresh && child.props.ref) child.props.ref(node);
}

function setProp(node, name, value) {
  switch (true) {
    case name === 'key' || name === 'ref' || name === 'own':
      return;
    case name === 'class': {
      const [, ...classes] = node[SPEC].split('.');
      node.setAttribute('class', [...classes, value].filter(Boolean).join(' '));
      return;
    }
    case name === 'style':
      // Through the object model, which a Content-Security-Policy without inline styles allows.
      for (const [property, text] of Object.entries(value ?? {})) node.style.setProperty(property, text);
      return;
    case name.startsWith('on'):
      listen(node, name.slice(2), value);
      return;
    case FIELDS.includes(name):
      if (node[name] !== value) node[name] = value ?? '';
      return;
    case node.localName.includes('-') && !name.startsWith('aria-') && !name.startsWith('data-'):
      node[name] = value;
      return;
    case value === undefined || value === null || value === false:
      node.removeAttribute(name);
      return;
    default:
      node.setAttribute(name, value === true ? '' : value);
  }
}

// One listener an event, whatever function a later description names.
function listen(node, type, handler) {
  node[LISTENERS] ??= {};
  if (!(type in node[LISTENERS])) node.addEventListener(type, (event) => node[LISTENERS][type]?.(event));
  node[LISTENERS][type] = handler;
}
