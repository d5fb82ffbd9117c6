package browser_test

import "testing"

// What html.js promises, one expression each. They run in the page, where h and render are known
// and box is an empty element of the page.
var promises = map[string]string{
	"a text is never markup": `
		render(box, h('p', '<b>x</b>'));
		return box.firstChild.childNodes.length === 1 && box.textContent === '<b>x</b>'`,
	"lists in lists, null and false": `
		render(box, [[h('i', 'a'), null], false, [['b', undefined]], 0]);
		return box.childNodes.length === 3 && box.textContent === 'ab0'`,
	"a text stays the same node": `
		render(box, 'a');
		const node = box.firstChild;
		render(box, 'b');
		return box.firstChild === node && box.textContent === 'b'`,
	"a node stays where its description does": `
		render(box, h('p.x', {title: 'a'}, 'a'));
		const node = box.firstChild;
		render(box, h('p.x', {title: 'b'}, 'b'));
		return box.firstChild === node && node.title === 'b' && node.textContent === 'b' && node.className === 'x'`,
	"another element replaces it": `
		render(box, h('p', 'a'));
		render(box, h('b', 'a'));
		return box.innerHTML === '<b>a</b>'`,
	"keyed nodes move": `
		const draw = (keys) => render(box, keys.map((key) => h('li', {key}, key)));
		draw(['a', 'b', 'c']);
		const [a, b, c] = box.childNodes;
		draw(['c', 'x', 'a']);
		return box.textContent === 'cxa' && box.childNodes[0] === c && box.childNodes[2] === a && !b.isConnected`,
	"a keyed node before others keeps them": `
		const draw = (keys) => render(box, keys.map((key) => h('li', {key}, key)));
		draw([1, 2, 3]);
		const before = [...box.childNodes];
		draw([0, 1, 2, 3]);
		return before.every((node, i) => box.childNodes[i + 1] === node) && box.textContent === '0123'`,
	"a property that is gone is removed": `
		render(box, h('a', {href: '/x', hidden: true, title: 'x'}));
		render(box, h('a', {title: null}));
		return box.innerHTML === '<a></a>'`,
	"classes of tag and properties": `
		render(box, h('p.a.b', {class: 'c'}));
		const before = box.firstChild.className;
		render(box, h('p.a.b', {class: ''}));
		return before === 'a b c' && box.firstChild.className === 'a b'`,
	"the last function listens, once": `
		let heard = '';
		render(box, h('button', {onclick: () => { heard += 'a'; }}));
		render(box, h('button', {onclick: () => { heard += 'b'; }}));
		box.firstChild.click();
		render(box, h('button'));
		box.firstChild.click();
		return heard === 'b'`,
	"a field that was changed by hand shows its value again": `
		render(box, h('input', {value: 'a'}));
		box.firstChild.value = 'b';
		render(box, h('input', {value: 'a'}));
		return box.firstChild.value === 'a'`,
	"a field that somebody types into is left alone until there is a new value": `
		const draw = (value) => render(box, h('input', {value}));
		draw('a');
		box.firstChild.focus();
		box.firstChild.value = 'ab';
		draw('a');
		const typed = box.firstChild.value;
		draw('c');
		return typed === 'ab' && box.firstChild.value === 'c'`,
	"a field keeps the focus": `
		render(box, h('p', {key: 1}), h('input', {key: 2, value: ''}));
		box.lastChild.focus();
		render(box, h('p', {key: 3}), h('p', {key: 1}), h('input', {key: 2, value: ''}));
		return document.activeElement === box.lastChild`,
	"styles are set in spite of the policy": `
		render(box, h('p', {style: {'--x': '7px', color: 'red'}}));
		return box.firstChild.style.getPropertyValue('--x') === '7px' && box.firstChild.style.color === 'red'`,
	"svg": `
		render(box, h('svg:svg', {viewBox: '0 0 1 1'}, h('svg:path', {d: 'M0 0'})));
		return box.firstChild.firstChild instanceof SVGPathElement`,
	"children of its own are left alone": `
		render(box, h('div', {own: true}));
		box.firstChild.append('mine');
		render(box, h('div', {own: true}));
		return box.textContent === 'mine'`,
	"ref is called once, when the node is in the page": `
		const seen = [];
		render(box, h('p', {ref: (node) => seen.push(node.isConnected)}));
		render(box, h('p', {ref: (node) => seen.push(node.isConnected)}));
		return seen.join() === 'true'`,
}

func TestHelper(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s.url, "/ui/", view{})
	for name, promise := range promises {
		got := eval[any](b, `import('/ui/assets/html.js').then(({h, render}) => {
			const box = document.createElement('div');
			document.body.append(box);
			try { return (() => {`+promise+`})() || box.innerHTML; } finally { box.remove(); }
		})`)
		if got != true {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
