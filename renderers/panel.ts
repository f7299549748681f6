import type { Table } from 'apache-arrow';
import type { Bridge } from './bridge.ts';
import { ChartView } from './chart.ts';
import { type CopyFormat, rowsAsText } from './copy.ts';
import { button, h, menu, popup, select } from './dom.ts';
import type { CellText } from './format.ts';
import { gridHeight, ResultGrid } from './grid.ts';
import {
  ALL_ROWS,
  type ColumnFilter,
  type FilterOp,
  META_RESULT_ID,
  META_ROW_COUNT,
  META_TEXT,
  META_TYPE,
  type ResultView,
  type SaveFormat,
} from './messages.ts';
import { fillSummary, summaryStrip } from './summary.ts';
import { WindowedRows } from './windows.ts';

/** Rows that one copy takes at most: the clipboard is no export. */
const COPY_ROWS = 10_000;

/** How long a message takes the place of the number of rows, in milliseconds. */
const MESSAGE_MS = 8000;

const filterOps: [FilterOp, string][] = [
  ['eq', '='],
  ['ne', '≠'],
  ['lt', '<'],
  ['le', '≤'],
  ['gt', '>'],
  ['ge', '≥'],
  ['contains', 'contains'],
  ['null', 'is null'],
  ['not-null', 'is not null'],
];

/** One result: tool bar, grid and chart. */
export class ResultPanel {
  readonly element: HTMLElement;
  readonly #bridge: Bridge;
  readonly #resultId: string;
  readonly #columns: { name: string; type: string }[];
  readonly #table: Table;
  readonly #rows: WindowedRows;
  readonly #total: number;
  readonly #gridHost = h('div', { class: 'lb-grid' });
  readonly #status = h('span', { class: 'lb-status', role: 'status', 'aria-live': 'polite' });
  readonly #chips = h('span', { class: 'lb-chips' });
  readonly #body: HTMLElement;
  readonly #observer: ResizeObserver;
  readonly #strips = new Map<string, HTMLElement>();
  #view: ResultView = ALL_ROWS;
  #message: ReturnType<typeof setTimeout> | undefined;
  #grid: ResultGrid | undefined;
  #chart: ChartView | undefined;

  /** @param table the first rows, with the result's id and row count in the schema's metadata */
  constructor(table: Table, bridge: Bridge) {
    this.#table = table;
    this.#bridge = bridge;
    const metadata = table.schema.metadata;
    const text = metadata.get(META_TEXT);
    this.#resultId = metadata.get(META_RESULT_ID) ?? '';
    this.#total = Number(metadata.get(META_ROW_COUNT) ?? table.numRows);
    this.#columns = table.schema.fields.map(field => ({
      name: field.name,
      type: field.metadata.get(META_TYPE) ?? String(field.type),
    }));
    this.#rows = new WindowedRows(
      (view, offset, limit) => bridge.ask({ type: 'window', resultId: this.#resultId, view, offset, limit }),
      ALL_ROWS,
      this.#total,
    );
    this.#rows.seed(table);
    this.#body = h('div', { class: 'lb-body' }, this.#gridHost);
    this.element = h(
      'section',
      { class: 'lb-result', 'aria-label': 'Query result' },
      text === undefined ? undefined : h('p', { class: 'lb-sentence' }, text),
      this.#toolbar(),
      this.#body,
    );
    this.#observer = new ResizeObserver(() => this.#grid?.resize());
  }

  /** To be called when the element is in the document: the grid measures itself. */
  attach(): void {
    this.#gridHost.style.height = `${gridHeight(this.#total)}px`;
    this.#grid = new ResultGrid(this.#gridHost, this.#table.schema, this.#rows, {
      onSort: sort => void this.#show({ ...this.#view, sort }),
      onOpenCell: (column, cell, anchor) => this.#openCell(column, cell, anchor),
      onHeaderMenu: (column, anchor) => this.#columnMenu(column, anchor),
      onHeaderRendered: (column, node) => this.#header(column, node),
    });
    this.#observer.observe(this.#gridHost);
    this.#say();
  }

  dispose(): void {
    clearTimeout(this.#message);
    this.#observer.disconnect();
    this.#grid?.destroy();
  }

  #toolbar(): HTMLElement {
    const search = h('input', {
      type: 'search',
      placeholder: 'Search',
      'aria-label': 'Search in all columns',
      class: 'lb-search',
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    search.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(() => void this.#show({ ...this.#view, search: search.value || undefined }), 250);
    });
    // Keys typed here are not the notebook's shortcuts.
    search.addEventListener('keydown', event => event.stopPropagation());
    const chart = button('Chart', 'Show as a chart', element => this.#toggleChart(element), 'lb-toggle');
    chart.setAttribute('aria-pressed', 'false');
    return h(
      'div',
      { class: 'lb-toolbar', role: 'toolbar', 'aria-label': 'Result' },
      this.#status,
      this.#chips,
      h('span', { class: 'lb-space' }),
      search,
      button('Filter', 'Filter rows by a column', element => this.#filterForm(element)),
      button('Columns', 'Show or hide columns', element => this.#columnList(element)),
      button('Copy', 'Copy rows', element =>
        menu(element, 'Copy', [
          ['Copy as TSV', () => void this.#copy('tsv')],
          ['Copy as CSV', () => void this.#copy('csv')],
          ['Copy as Markdown', () => void this.#copy('markdown')],
        ]),
      ),
      button('Save', 'Save all rows to a file', element =>
        menu(element, 'Save', [
          ['Save as CSV…', () => void this.#save('csv')],
          ['Save as Parquet…', () => void this.#save('parquet')],
          ['Save as Arrow…', () => void this.#save('arrow')],
          ['Save as JSON…', () => void this.#save('json')],
        ]),
      ),
      chart,
    );
  }

  #say(message?: string, isError = false): void {
    const count = this.#rows.rowCount.toLocaleString('en');
    const all = this.#total.toLocaleString('en');
    const rows =
      this.#rows.rowCount === this.#total
        ? `${all} ${this.#total === 1 ? 'row' : 'rows'}`
        : `${count} of ${all} rows`;
    this.#status.textContent = message ?? rows;
    this.#status.classList.toggle('lb-error', isError);
    clearTimeout(this.#message);
    // What was done gives way to the number of rows again; an error stays until something else happens.
    if (message !== undefined && !isError) this.#message = setTimeout(() => this.#say(), MESSAGE_MS);
  }

  async #show(view: ResultView): Promise<void> {
    try {
      await this.#rows.show(view);
      this.#view = view;
      this.#grid?.refresh();
      this.#grid?.scrollToRow(0);
      this.#drawChips();
      this.#say();
      if (this.#chart?.element.isConnected) void this.#chart.draw();
    } catch (error) {
      this.#say((error as Error).message, true);
    }
  }

  #drawChips(): void {
    this.#chips.replaceChildren(
      ...this.#view.filters.map((filter, i) => {
        const op = filterOps.find(([value]) => value === filter.op)![1];
        const text = `${filter.column} ${op} ${filter.value ?? ''}`.trim();
        return button(
          `${text} ✕`,
          `Remove the filter ${text}`,
          () => {
            void this.#show({ ...this.#view, filters: this.#view.filters.filter((_, j) => j !== i) });
          },
          'lb-chip',
        );
      }),
    );
  }

  #header(column: string, node: HTMLElement): void {
    const type = this.#columns.find(c => c.name === column)?.type ?? '';
    let strip = this.#strips.get(column);
    if (!strip) {
      strip = summaryStrip(type);
      this.#strips.set(column, strip);
      void this.#summarise(column, strip);
    }
    const more = button(
      '⋯',
      `Column ${column}: sort, filter, hide, pin`,
      element => this.#columnMenu(column, element),
      'lb-column-menu',
    );
    more.addEventListener('click', event => event.stopPropagation());
    node.append(more, strip);
  }

  async #summarise(column: string, strip: HTMLElement): Promise<void> {
    try {
      const summary = await this.#bridge.ask({ type: 'summary', resultId: this.#resultId, column });
      fillSummary(strip, summary, this.#total);
    } catch {
      // A saved output without its kernel has no summary; the header keeps the type.
    }
  }

  #columnMenu(column: string, anchor: HTMLElement): void {
    const sort = (descending: boolean) => () =>
      void this.#show({ ...this.#view, sort: [{ column, descending }] });
    menu(anchor, `Column ${column}`, [
      ['Sort ascending', sort(false)],
      ['Sort descending', sort(true)],
      ['Clear sort', () => void this.#show({ ...this.#view, sort: [] })],
      ['Filter…', () => this.#filterForm(anchor, column)],
      ['Hide', () => this.#grid?.setHidden(new Set([...(this.#grid?.hidden ?? []), column]))],
      ['Pin up to here', () => this.#grid?.pin(column)],
      ['Unpin', () => this.#grid?.pin(undefined)],
    ]);
  }

  #columnList(anchor: HTMLElement): void {
    const list = h('div', { class: 'lb-form' });
    for (const { name } of this.#columns) {
      const box = h('input', { type: 'checkbox' });
      box.checked = !this.#grid?.hidden.has(name);
      box.addEventListener('change', () => {
        const hidden = new Set(this.#grid?.hidden);
        if (box.checked) hidden.delete(name);
        else hidden.add(name);
        if (hidden.size < this.#columns.length) this.#grid?.setHidden(hidden);
        else box.checked = true;
      });
      list.append(h('label', {}, box, name));
    }
    popup(anchor, 'Columns', list);
  }

  #filterForm(anchor: HTMLElement, preset?: string): void {
    const column = select(
      'Column',
      this.#columns.map(c => [c.name, c.name] as const),
      preset ?? this.#columns[0]!.name,
    );
    const op = select('Condition', filterOps, 'eq');
    const value = h('input', { type: 'text', 'aria-label': 'Value', placeholder: 'value' });
    const needsValue = () => op.value !== 'null' && op.value !== 'not-null';
    op.addEventListener('change', () => {
      value.hidden = !needsValue();
    });
    const form = h(
      'form',
      { class: 'lb-form' },
      column,
      op,
      value,
      h('button', { type: 'submit', class: 'lb-button' }, 'Apply'),
    );
    const close = popup(anchor, 'Filter', form);
    form.addEventListener('submit', event => {
      event.preventDefault();
      const filter: ColumnFilter = {
        column: column.value,
        op: op.value as FilterOp,
        ...(needsValue() ? { value: value.value } : {}),
      };
      close();
      void this.#show({ ...this.#view, filters: [...this.#view.filters, filter] });
    });
  }

  #openCell(column: string, cell: CellText, anchor: HTMLElement): void {
    const content = h('div', { class: 'lb-cell-detail' }, h('strong', {}, column));
    if (cell.kind === 'nested') content.append(jsonTree(JSON.parse(cell.text)));
    else content.append(h('pre', { tabindex: '0' }, cell.text));
    content.append(
      button('Copy', 'Copy the value', () => void this.#bridge.ask({ type: 'copy', text: cell.text })),
    );
    popup(anchor, `Value of ${column}`, content);
  }

  async #copy(format: CopyFormat): Promise<void> {
    const grid = this.#grid;
    if (!grid) return;
    const rows = Math.min(this.#rows.rowCount, COPY_ROWS);
    await this.#rows.ensure(0, rows - 1);
    const names = grid.visibleColumns();
    const positions = names.map(name => this.#columns.findIndex(c => c.name === name));
    const cells = Array.from({ length: rows }, (_, row) =>
      positions.map(position => grid.cell(row, position)),
    );
    try {
      await this.#bridge.ask({ type: 'copy', text: rowsAsText(format, names, cells) });
      const more =
        this.#rows.rowCount > rows ? ` of ${this.#rows.rowCount.toLocaleString('en')}; save for all` : '';
      this.#say(`Copied ${rows.toLocaleString('en')} rows${more}.`);
    } catch (error) {
      this.#say((error as Error).message, true);
    }
  }

  async #save(format: SaveFormat): Promise<void> {
    try {
      const { path } = await this.#bridge.ask({
        type: 'save',
        resultId: this.#resultId,
        view: this.#view,
        format,
      });
      if (path) this.#say(`Saved to ${path}.`);
    } catch (error) {
      this.#say((error as Error).message, true);
    }
  }

  #toggleChart(toggle: HTMLButtonElement): void {
    const showing = this.#chart?.element.isConnected ?? false;
    toggle.setAttribute('aria-pressed', String(!showing));
    if (showing) {
      this.#chart?.element.remove();
      this.#gridHost.hidden = false;
      this.#grid?.resize();
      return;
    }
    this.#gridHost.hidden = true;
    this.#chart ??= new ChartView(this.#columns, this.#total, {
      load: chart => this.#bridge.ask({ type: 'chart', resultId: this.#resultId, view: this.#view, chart }),
      saveImage: (format, bytes) => void this.#bridge.ask({ type: 'save-image', format, bytes }),
    });
    this.#body.append(this.#chart.element);
  }
}

/** Nested values as expandable JSON. */
function jsonTree(value: unknown, name?: string): HTMLElement {
  const label = name === undefined ? '' : `${name}: `;
  if (value === null || typeof value !== 'object') {
    return h('div', { class: 'lb-json-leaf' }, label, h('code', {}, JSON.stringify(value) ?? 'null'));
  }
  const entries = Object.entries(value);
  const kind = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  const details = h('details', { open: true, class: 'lb-json' }, h('summary', {}, `${label}${kind}`));
  for (const [key, child] of entries) details.append(jsonTree(child, key));
  return details;
}
