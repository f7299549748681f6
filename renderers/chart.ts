import * as Plot from '@observablehq/plot';
import { type Table, tableFromIPC } from 'apache-arrow';
import { button, h, select } from './dom.ts';
import { formatCell } from './format.ts';
import type { ChartKind, ChartRequest } from './messages.ts';

export interface ChartColumn {
  readonly name: string;
  readonly type: string;
}

export interface ChartCallbacks {
  readonly load: (request: ChartRequest) => Promise<{ bytes: Uint8Array; truncated: boolean }>;
  readonly saveImage: (format: 'png' | 'svg', bytes: Uint8Array) => void;
}

const kinds: [ChartKind, string][] = [
  ['bar', 'Bar'],
  ['line', 'Line'],
  ['area', 'Area'],
  ['scatter', 'Scatter'],
  ['histogram', 'Histogram'],
];

/** Labels of categories below a chart; of more, every nth is drawn. */
const MAX_LABELS = 40;

const isNumber = (type: string) => /INT|DECIMAL|DOUBLE|FLOAT|REAL|NUMERIC/i.test(type);
const isTime = (type: string) => /^(DATE|TIMESTAMP)/i.test(type);

/** Rows up to which texts are taken for categories; beyond, each may be another one. */
const CATEGORY_ROWS = 1000;

/**
 * A first guess that is mostly what one wants: time or category across, the first measure up; of many rows without a
 * time, how the measure is distributed.
 */
export function suggestChart(columns: readonly ChartColumn[], rows: number): ChartRequest {
  const time = columns.find(c => isTime(c.type));
  const measure =
    columns.find(c => isNumber(c.type) && !/(^|_)id$/i.test(c.name)) ?? columns.find(c => isNumber(c.type));
  const category = columns.find(c => c !== measure && !isNumber(c.type)) ?? columns.find(c => c !== measure);
  if (time && measure) return { kind: 'line', x: time.name, y: measure.name, aggregate: 'sum' };
  if (category && measure && rows <= CATEGORY_ROWS)
    return { kind: 'bar', x: category.name, y: measure.name, aggregate: 'sum' };
  // A histogram counts; the measure is there for who chooses another kind.
  if (measure) return { kind: 'histogram', x: measure.name, y: measure.name, aggregate: 'sum' };
  return { kind: 'bar', x: columns[0]!.name, aggregate: 'count' };
}

/** The chart view: choices above, an SVG drawn by Observable Plot below. The kernel aggregates. */
export class ChartView {
  readonly element: HTMLElement;
  readonly #columns: readonly ChartColumn[];
  readonly #callbacks: ChartCallbacks;
  readonly #stage = h('div', { class: 'lb-chart-stage' });
  #request: ChartRequest;
  #drawing = 0;

  /** @param rows of the result */
  constructor(columns: readonly ChartColumn[], rows: number, callbacks: ChartCallbacks) {
    this.#columns = columns;
    this.#callbacks = callbacks;
    this.#request = suggestChart(columns, rows);
    this.element = h('div', { class: 'lb-chart' }, this.#controls(), this.#stage);
    void this.draw();
  }

  #controls(): HTMLElement {
    const names = this.#columns.map(c => [c.name, c.name] as const);
    const r = this.#request;
    const kind = select('Chart type', kinds, r.kind);
    const x = select('Horizontal axis', names, r.x);
    const aggregate = select(
      'Aggregate',
      (['sum', 'avg', 'min', 'max', 'count', 'none'] as const).map(
        a => [a, a === 'none' ? 'each row' : a] as const,
      ),
      r.aggregate,
    );
    const y = select('Vertical axis', [['', 'rows'], ...names], r.y ?? '');
    const color = select('Colour', [['', 'no colour'], ...names], '');
    const measure = h(
      'span',
      { class: 'lb-chart-measure' },
      h('span', {}, 'of'),
      aggregate,
      y,
      h('span', {}, 'by'),
    );
    // A histogram counts rows, a point of a scatter chart is a row: what says nothing there isn't shown.
    const showUsed = () => {
      measure.hidden = kind.value === 'histogram';
      color.hidden = kind.value === 'histogram';
      aggregate.hidden = kind.value === 'scatter' || y.value === '';
    };
    showUsed();
    const change = () => {
      showUsed();
      this.#request = {
        kind: kind.value as ChartKind,
        x: x.value,
        y: y.value || undefined,
        aggregate:
          y.value === ''
            ? 'count'
            : kind.value === 'scatter'
              ? 'none'
              : (aggregate.value as ChartRequest['aggregate']),
        color: color.hidden ? undefined : color.value || undefined,
      };
      void this.draw();
    };
    for (const control of [kind, x, aggregate, y, color]) control.addEventListener('change', change);
    return h(
      'div',
      { class: 'lb-chart-controls' },
      kind,
      measure,
      x,
      color,
      button('SVG', 'Save the chart as SVG', () => void this.#save('svg')),
      button('PNG', 'Save the chart as PNG', () => void this.#save('png')),
    );
  }

  async draw(): Promise<void> {
    const drawing = ++this.#drawing;
    try {
      const { bytes, truncated } = await this.#callbacks.load(this.#request);
      if (drawing !== this.#drawing) return;
      const points = toPoints(tableFromIPC(bytes));
      this.#stage.replaceChildren(plot(this.#request, points, this.#columns, this.#stage.clientWidth || 720));
      if (truncated)
        this.#stage.append(h('p', { class: 'lb-note' }, 'Only the first 5,000 points are drawn.'));
    } catch (error) {
      this.#stage.replaceChildren(h('p', { class: 'lb-error', role: 'alert' }, (error as Error).message));
    }
  }

  async #save(format: 'png' | 'svg'): Promise<void> {
    const svg = this.#stage.querySelector('svg');
    if (!svg) return;
    const text = standalone(svg);
    if (format === 'svg') return this.#callbacks.saveImage('svg', new TextEncoder().encode(text));
    this.#callbacks.saveImage('png', await rasterise(text, svg.clientWidth, svg.clientHeight));
  }
}

interface Point {
  x: unknown;
  y: number | null;
  color?: string;
}

function toPoints(table: Table): Point[] {
  const points: Point[] = [];
  const position = (name: string) => table.schema.fields.findIndex(field => field.name === name);
  const [x, y, color] = [position('x'), position('y'), position('color')];
  for (const batch of table.batches) {
    for (let i = 0; i < batch.numRows; i++) {
      const text = (column: number) => formatCell(batch.data.children[column]!, i);
      const xs = text(x);
      const ys = y < 0 ? undefined : text(y);
      points.push({
        x: xs.kind === 'number' ? Number(xs.text) : xs.text,
        y: !ys || ys.kind === 'null' ? null : Number(ys.text),
        ...(color >= 0 ? { color: text(color).text } : {}),
      });
    }
  }
  return points;
}

function plot(
  request: ChartRequest,
  points: Point[],
  columns: readonly ChartColumn[],
  width: number,
): Element {
  const type = columns.find(c => c.name === request.x)?.type ?? '';
  const time = isTime(type);
  const data = time
    ? points.map(p => ({ ...p, x: new Date(String(p.x).replace(' ', 'T').replace(/\+00$/, 'Z')) }))
    : points;
  const channels = {
    x: 'x',
    y: 'y',
    ...(request.color ? { stroke: 'color' } : { stroke: 'var(--lb-accent)' }),
  };
  const filled = { x: 'x', y: 'y', ...(request.color ? { fill: 'color' } : { fill: 'var(--lb-accent)' }) };
  const hasMeasure = request.y !== undefined && request.kind !== 'histogram';
  const yLabel = hasMeasure
    ? request.aggregate === 'none'
      ? request.y
      : `${request.aggregate}(${request.y})`
    : 'rows';
  const tip = { tip: true } as const;
  const marks: Plot.Markish[] = [Plot.gridY({ stroke: 'currentColor', strokeOpacity: 0.12 })];
  if (request.kind === 'histogram') {
    // The kernel counted: x is the lower edge of a bin.
    marks.push(
      Plot.rectY(data, {
        x: 'x',
        y: 'y',
        interval: binWidth(points),
        fill: 'var(--lb-accent)',
        inset: 0.5,
        ...tip,
      }),
      Plot.ruleY([0]),
    );
  } else if (request.kind === 'bar') {
    marks.push(
      time
        ? Plot.ruleX(data, { ...channels, strokeWidth: 4, ...tip })
        : Plot.barY(data, { ...filled, sort: undefined, ...tip }),
      Plot.ruleY([0]),
    );
  } else if (request.kind === 'line') {
    marks.push(Plot.lineY(data, { ...channels, sort: 'x', ...tip }));
  } else if (request.kind === 'area') {
    marks.push(Plot.areaY(data, { ...filled, fillOpacity: 0.5, sort: 'x', ...tip }), Plot.ruleY([0]));
  } else {
    marks.push(Plot.dot(data, { ...channels, r: 2.5, ...tip }));
  }
  const bands = request.kind === 'bar' && !time;
  return Plot.plot({
    width,
    height: 320,
    marginLeft: 64,
    marginBottom: bands && points.length > 8 ? 80 : 40,
    style: { background: 'transparent', color: 'currentColor', fontSize: '12px' },
    x: { label: request.x, ...(bands ? bandAxis(points) : {}) },
    y: { label: yLabel },
    color: request.color ? { legend: true, scheme: 'Tableau10' } : {},
    marks,
    ariaLabel: `${request.kind} chart of ${yLabel} by ${request.x}`,
  } as Plot.PlotOptions);
}

/** Labels of a band axis, no more than can be read. */
function bandAxis(points: readonly Point[]): Plot.ScaleOptions {
  const values = [...new Set(points.map(p => p.x))];
  const step = Math.ceil(values.length / MAX_LABELS);
  const ticks = values.filter((_, i) => i % step === 0);
  return { type: 'band', tickRotate: values.length > 8 ? -40 : 0, ticks: ticks as never };
}

function binWidth(points: readonly Point[]): number {
  const edges = points.map(p => Number(p.x)).sort((a, b) => a - b);
  let width = Number.POSITIVE_INFINITY;
  for (let i = 1; i < edges.length; i++) width = Math.min(width, edges[i]! - edges[i - 1]!);
  return Number.isFinite(width) && width > 0 ? width : 1;
}

/** The SVG with theme colours resolved, so that it looks the same outside the editor. */
function standalone(svg: SVGElement): string {
  const copy = svg.cloneNode(true) as SVGElement;
  const style = getComputedStyle(svg);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.style.color = style.color;
  copy.style.background = style.getPropertyValue('--lb-background') || 'white';
  return copy.outerHTML.replaceAll(
    'var(--lb-accent)',
    style.getPropertyValue('--lb-accent').trim() || '#3794ff',
  );
}

async function rasterise(svg: string, width: number, height: number): Promise<Uint8Array> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = h('canvas', { width: String(width * 2), height: String(height * 2) });
  const context = canvas.getContext('2d')!;
  context.scale(2, 2);
  context.drawImage(image, 0, 0, width, height);
  const blob = await new Promise<Blob | null>(resolve => canvas.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error('The chart could not be drawn as PNG.');
  return new Uint8Array(await blob.arrayBuffer());
}
