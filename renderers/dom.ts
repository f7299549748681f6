type Attributes = Readonly<Record<string, string | boolean | undefined>>;

/** An element with attributes and children; strings become text nodes, never HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string | undefined)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, '');
    else if (typeof value === 'string') element.setAttribute(name, value);
  }
  for (const child of children) if (child !== undefined) element.append(child);
  return element;
}

export function button(
  label: string,
  title: string,
  onClick: (element: HTMLButtonElement) => void,
  className = '',
): HTMLButtonElement {
  const element = h(
    'button',
    { type: 'button', title, 'aria-label': title, class: `lb-button ${className}`.trim() },
    label,
  );
  element.addEventListener('click', () => onClick(element));
  return element;
}

export function select(
  label: string,
  options: readonly (readonly [value: string, text: string])[],
  value: string,
): HTMLSelectElement {
  const element = h('select', { 'aria-label': label, title: label, class: 'lb-select' });
  for (const [v, text] of options) element.append(h('option', { value: v }, text));
  element.value = value;
  return element;
}

let openPopup: { element: HTMLElement; close: () => void } | undefined;

/** Shows a small panel below an element; Escape or a click elsewhere closes it, focus goes back. */
export function popup(anchor: HTMLElement, label: string, content: HTMLElement): () => void {
  openPopup?.close();
  const host = anchor.closest<HTMLElement>('.lb-result') ?? document.body;
  const element = h(
    'div',
    { class: 'lb-popup', role: 'dialog', 'aria-label': label, tabindex: '-1' },
    content,
  );
  host.append(element);
  const at = anchor.getBoundingClientRect();
  const frame = host.getBoundingClientRect();
  const left = Math.max(4, Math.min(at.left - frame.left, frame.width - element.offsetWidth - 8));
  element.style.left = `${left}px`;
  element.style.top = `${at.bottom - frame.top + 2}px`;
  const close = () => {
    if (openPopup?.element !== element) return;
    openPopup = undefined;
    element.remove();
    document.removeEventListener('mousedown', outside, true);
    if (document.activeElement === document.body) anchor.focus?.();
  };
  const outside = (event: MouseEvent) => {
    if (!element.contains(event.target as Node)) close();
  };
  element.addEventListener('keydown', event => {
    event.stopPropagation();
    if (event.key === 'Escape') close();
  });
  document.addEventListener('mousedown', outside, true);
  openPopup = { element, close };
  (element.querySelector<HTMLElement>('input, select, button') ?? element).focus();
  return close;
}

/** A menu of actions in a popup. */
export function menu(
  anchor: HTMLElement,
  label: string,
  items: readonly (readonly [text: string, run: () => void])[],
): void {
  const list = h('div', { role: 'menu', class: 'lb-menu' });
  let close = () => {};
  for (const [text, run] of items) {
    const item = h('button', { type: 'button', role: 'menuitem', class: 'lb-menu-item' }, text);
    item.addEventListener('click', () => {
      close();
      run();
    });
    list.append(item);
  }
  list.addEventListener('keydown', event => {
    const all = [...list.querySelectorAll('button')];
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    if (event.key === 'ArrowDown') all[(at + 1) % all.length]?.focus();
    if (event.key === 'ArrowUp') all[(at - 1 + all.length) % all.length]?.focus();
  });
  close = popup(anchor, label, list);
}
