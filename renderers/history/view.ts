import { h } from '../dom.ts';
import { type Graph, type GraphNode, layOut } from './graph.ts';
import type { FromHistory, HistoryAction, HistoryData, HistorySnapshot } from './messages.ts';

/** What VS Code gives a webview. */
interface WebviewApi {
  postMessage(message: FromHistory): void;
  getState(): { selected?: string } | undefined;
  setState(state: { selected?: string }): void;
}

declare const acquireVsCodeApi: () => WebviewApi;

const rowHeight = 46;
const laneWidth = 22;
const svgNamespace = 'http://www.w3.org/2000/svg';

const api = acquireVsCodeApi();
const root = document.getElementById('root')!;
let data: HistoryData | undefined;
let selected = api.getState()?.selected;

window.addEventListener('message', (event: MessageEvent<HistoryData>) => {
  if (event.data.type !== 'history') return;
  data = event.data;
  show(data);
});
api.postMessage({ type: 'ready' });

function show({ table, snapshots, labels }: HistoryData): void {
  if (!snapshots.some(each => each.id === selected)) selected = snapshots.find(each => each.isCurrent)?.id;
  const heading = h('h1', {}, `${labels.title}: ${table}`);
  if (snapshots.length === 0) {
    root.replaceChildren(heading, h('p', { class: 'empty' }, labels.empty));
    return;
  }
  const graph = layOut(snapshots, snapshots.find(each => each.isCurrent)?.id);
  const list = h('div', { class: 'rows', role: 'listbox', 'aria-label': heading.textContent! });
  list.append(...snapshots.map(snapshot => row(snapshot, labels.current)));
  const picture = h('div', { class: 'graph' });
  picture.append(draw(graph, snapshots));
  root.replaceChildren(
    heading,
    h('div', { class: 'history' }, h('div', { class: 'timeline' }, picture, list), details()),
  );
}

function row(snapshot: HistorySnapshot, current: string): HTMLElement {
  const { id, operation, moment, ago, change, isCurrent, refs } = snapshot;
  const isSelected = id === selected;
  const element = h(
    'div',
    {
      class: `row${isSelected ? ' selected' : ''}`,
      role: 'option',
      'aria-selected': String(isSelected),
      tabindex: isSelected ? '0' : '-1',
      'data-id': id,
    },
    h(
      'span',
      { class: 'what' },
      h('span', { class: `operation ${operation}` }, operation),
      h('span', { class: 'change' }, change),
      ...(isCurrent ? [h('span', { class: 'pill current' }, current)] : []),
      ...refs.map(ref => h('span', { class: `pill ${ref.type}` }, ref.name)),
    ),
    h('span', { class: 'when', title: moment }, `${moment} · ${ago}`),
  );
  element.addEventListener('click', () => select(id));
  element.addEventListener('dblclick', () => act('query'));
  element.addEventListener('keydown', event => onKey(event, id));
  return element;
}

function onKey(event: KeyboardEvent, id: string): void {
  const ids = data!.snapshots.map(each => each.id);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    const next = ids[ids.indexOf(id) + step];
    if (next !== undefined) select(next);
  } else if (event.key === 'Enter') act('query');
}

function select(id: string): void {
  selected = id;
  api.setState({ selected });
  show(data!);
  root.querySelector<HTMLElement>('.row.selected')?.focus();
}

function act(action: HistoryAction): void {
  if (selected !== undefined) api.postMessage({ type: 'action', action, snapshotId: selected });
}

function details(): HTMLElement {
  const { snapshots, labels } = data!;
  const snapshot = snapshots.find(each => each.id === selected);
  if (snapshot === undefined) return h('div', { class: 'details' });
  const actions: HistoryAction[] = [
    'query',
    ...(snapshot.isCurrent ? [] : (['compare'] as const)),
    ...(snapshot.parentId === undefined ? [] : (['compare-parent'] as const)),
    ...(snapshot.isCurrent ? [] : (['rollback'] as const)),
    'branch',
    'tag',
  ];
  const buttons = actions.map(action => {
    const element = h('button', { class: action, type: 'button' }, labels.actions[action]);
    element.addEventListener('click', () => act(action));
    return element;
  });
  const facts = Object.entries(snapshot.summary)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, value]) => [h('dt', {}, key), h('dd', {}, value)]);
  return h(
    'aside',
    { class: 'details', 'aria-live': 'polite' },
    h('h2', {}, `${labels.snapshot} ${snapshot.id}`),
    h('p', {}, `${snapshot.operation} · ${snapshot.moment}`),
    h('div', { class: 'actions' }, ...buttons),
    h('dl', {}, ...facts),
  );
}

const x = (node: GraphNode) => node.lane * laneWidth + laneWidth / 2 + 2;
const y = (node: GraphNode) => node.row * rowHeight + rowHeight / 2;

function draw(graph: Graph, snapshots: readonly HistorySnapshot[]): SVGElement {
  const picture = svg('svg', {
    width: String(graph.lanes * laneWidth + 6),
    height: String(snapshots.length * rowHeight),
    'aria-hidden': 'true',
  });
  for (const { from, to } of graph.edges) {
    const bend = y(to) - rowHeight / 2;
    const line =
      from.lane === to.lane
        ? `M${x(from)} ${y(from)}V${y(to)}`
        : `M${x(from)} ${y(from)}V${bend - rowHeight / 2}C${x(from)} ${bend} ${x(to)} ${bend} ${x(to)} ${y(to)}`;
    picture.append(svg('path', { d: line, class: `edge lane-${from.lane % 6}` }));
  }
  for (const node of graph.nodes) {
    const { isCurrent, id } = snapshots[node.row]!;
    const classes = `dot lane-${node.lane % 6}${isCurrent ? ' current' : ''}${id === selected ? ' selected' : ''}`;
    const dot = svg('circle', {
      cx: String(x(node)),
      cy: String(y(node)),
      r: isCurrent ? '7' : '5',
      class: classes,
    });
    dot.addEventListener('click', () => select(id));
    picture.append(dot);
  }
  return picture;
}

function svg(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
