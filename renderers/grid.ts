import type { Schema } from 'apache-arrow';
import { type Column, type FormatterResultWithText, type GridOption, SlickGrid } from 'slickgrid';
import { type CellText, formatCell } from './format.ts';
import { META_TYPE } from './messages.ts';
import { columnData, type WindowedRows } from './windows.ts';

export interface GridCallbacks {
  readonly onSort: (sort: { column: string; descending: boolean }[]) => void;
  readonly onOpenCell: (column: string, text: CellText, anchor: HTMLElement) => void;
  readonly onHeaderMenu: (column: string, anchor: HTMLElement) => void;
  readonly onHeaderRendered: (column: string, node: HTMLElement) => void;
}

/** An item of the grid is the row's number; values are read from the Arrow pages when a cell is painted. */
interface GridRow {
  readonly row: number;
}

const ROW_HEIGHT = 22;
const LOADING: CellText = { text: '…', kind: 'text' };

/** A virtual grid over windowed rows. Paints only what is in view and asks for what is missing. */
export class ResultGrid {
  readonly #host: HTMLElement;
  readonly #grid: SlickGrid;
  readonly #rows: WindowedRows;
  readonly #columns: Column[];
  readonly #names: string[];
  #hidden = new Set<string>();

  constructor(host: HTMLElement, schema: Schema, rows: WindowedRows, callbacks: GridCallbacks) {
    this.#host = host;
    this.#rows = rows;
    this.#names = schema.fields.map(field => field.name);
    this.#columns = [
      rowNumberColumn(rows.rowCount),
      ...schema.fields.map((field, i) =>
        this.#column(field.name, field.metadata.get(META_TYPE) ?? String(field.type), i),
      ),
    ];
    const data = { getLength: () => rows.rowCount, getItem: (row: number): GridRow => ({ row }) };
    this.#grid = new SlickGrid(host, data as never, this.#columns, gridOptions());
    const grid = this.#grid;
    grid.onSort.subscribe((_event, args) => {
      const sorts = 'sortCols' in args ? (args.sortCols ?? []) : [args];
      callbacks.onSort(sorts.map(s => ({ column: String(s.columnId), descending: !s.sortAsc })));
    });
    grid.onHeaderCellRendered.subscribe((_event, { node, column }) => {
      if (column.id !== '#') callbacks.onHeaderRendered(String(column.id), node);
    });
    grid.onHeaderContextMenu.subscribe((event, { column }) => {
      if (!column || column.id === '#') return;
      event.preventDefault();
      callbacks.onHeaderMenu(String(column.id), event.target as HTMLElement);
    });
    const open = (row: number, cell: number) => {
      const name = String(grid.getColumns()[cell]?.id ?? '');
      const node = grid.getCellNode(row, cell);
      if (node && this.#names.includes(name))
        callbacks.onOpenCell(name, this.cell(row, this.#names.indexOf(name)), node);
    };
    grid.onDblClick.subscribe((_event, { row, cell }) => open(row, cell));
    grid.onKeyDown.subscribe((event, { row, cell }) => {
      if (event.getNativeEvent<KeyboardEvent>().key === 'Enter') open(row, cell);
    });
    grid.onViewportChanged.subscribe(() => void this.#fill());
    grid.init();
    host.setAttribute('aria-label', 'Query result');
    describeStructure(host);
    void this.#fill();
    this.refresh();
  }

  #column(name: string, type: string, position: number): Column {
    return {
      id: name,
      name: textNode(name),
      field: name,
      toolTip: `${name}: ${type}`,
      sortable: true,
      resizable: true,
      width: this.#initialWidth(name, position),
      minWidth: 40,
      formatter: (row): FormatterResultWithText => {
        const cell = this.cell(row, position);
        return {
          text: cell.text,
          addClasses: `lb-${cell.kind}`,
          toolTip: cell.text.length > 30 ? cell.text.slice(0, 500) : '',
        };
      },
    } as Column;
  }

  /** Wide enough for the name and for the first rows' values, within reason. */
  #initialWidth(name: string, position: number): number {
    let longest = name.length + 7;
    for (let row = 0; row < Math.min(50, this.#rows.rowCount); row++) {
      longest = Math.max(longest, Math.min(44, this.cell(row, position).text.length));
    }
    return Math.max(70, textWidth(longest));
  }

  /** The text of a cell by row and by the column's position in the result. */
  cell(row: number, position: number): CellText {
    const place = this.#rows.row(row);
    return place ? formatCell(columnData(place, position), place.index) : LOADING;
  }

  async #fill(): Promise<void> {
    const { top, bottom } = this.#grid.getRenderedRange();
    if (await this.#rows.ensure(top, bottom)) this.#repaint();
  }

  #repaint(): void {
    this.#grid.invalidateAllRows();
    this.#grid.render();
  }

  /** Paints anew after the rows became others (sort, filter, search). */
  refresh(): void {
    this.#grid.updateRowCount();
    this.#repaint();
    this.#host.setAttribute('aria-rowcount', String(this.#rows.rowCount + 1));
  }

  scrollToRow(row: number): void {
    this.#grid.scrollRowToTop(row);
  }

  /** Names of the columns in view, in their order. */
  visibleColumns(): string[] {
    return this.#grid
      .getColumns()
      .map(column => String(column.id))
      .filter(id => id !== '#');
  }

  get hidden(): ReadonlySet<string> {
    return this.#hidden;
  }

  setHidden(hidden: Set<string>): void {
    this.#hidden = hidden;
    this.#grid.setColumns(this.#columns.filter(column => !hidden.has(String(column.id))));
  }

  /** Pins the columns up to this one at the left; undefined unpins. */
  pin(column: string | undefined): void {
    const index = column === undefined ? -1 : this.#grid.getColumns().findIndex(c => c.id === column);
    this.#grid.setOptions({ frozenColumn: index });
  }

  /** The rows the user sees or has selected: for copying. */
  viewport(): { first: number; last: number } {
    const { top, bottom } = this.#grid.getViewport();
    return { first: top, last: Math.min(bottom, this.#rows.rowCount - 1) };
  }

  resize(): void {
    this.#grid.resizeCanvas();
  }

  destroy(): void {
    this.#grid.destroy(true);
  }
}

/**
 * Completes SlickGrid's roles: it keeps the focus in two empty elements at the grid's edges and makes its panes
 * focusable, but below a grid only row groups and rows may stand.
 */
function describeStructure(host: HTMLElement): void {
  for (const child of host.querySelectorAll(':scope > div')) {
    if (child.hasAttribute('tabindex') && child.childElementCount === 0)
      child.setAttribute('role', 'rowgroup');
  }
  for (const canvas of host.querySelectorAll('.grid-canvas')) canvas.setAttribute('role', 'rowgroup');
  for (const element of host.querySelectorAll('[tabindex="0"]:not([role])'))
    element.removeAttribute('tabindex');
}

/** CSS pixels that a number of characters of the cells' font takes, with the cell's padding. */
function textWidth(characters: number): number {
  return Math.ceil(characters * 7.4) + 14;
}

/** Height in CSS pixels at which `rows` rows are seen without scrolling, up to a screenful. */
export function gridHeight(rows: number): number {
  return 46 + Math.min(Math.max(rows, 1), 15) * ROW_HEIGHT + 14;
}

function rowNumberColumn(rows: number): Column {
  return {
    id: '#',
    name: textNode('#'),
    field: '#',
    width: Math.max(36, textWidth(rows.toLocaleString('en').length)),
    minWidth: 30,
    resizable: true,
    sortable: false,
    focusable: false,
    selectable: false,
    formatter: row =>
      ({ text: (row + 1).toLocaleString('en'), addClasses: 'lb-rownum' }) as FormatterResultWithText,
  } as Column;
}

function gridOptions(): GridOption {
  return {
    rowHeight: ROW_HEIGHT,
    // Subscribers must be there before the headers are first painted.
    explicitInitialization: true,
    enableCellNavigation: true,
    enableColumnReorder: false,
    // Names and values come from data: nothing may ever be parsed as HTML.
    enableHtmlRendering: false,
    enableTextSelectionOnCells: true,
    multiColumnSort: true,
    tristateMultiColumnSort: true,
    forceFitColumns: false,
    defaultColumnWidth: 120,
    minRowBuffer: 5,
    scrollRenderThrottling: 10,
  } as GridOption;
}

function textNode(text: string): HTMLElement {
  const node = document.createElement('span');
  node.className = 'lb-column-name';
  node.textContent = text;
  return node;
}
