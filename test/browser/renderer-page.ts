// Runs in the browser: the real renderer over a made-up kernel that computes any window of a 10-million-row result.
import {
  type Data,
  Decimal,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Timestamp,
  TimeUnit,
  tableFromArrays,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import type { RendererContext } from 'vscode-notebook-renderer';
import { activate } from '../../renderers/index.ts';
import type { RendererRequest, ResultView, ToExtension, ToRenderer } from '../../renderers/messages.ts';
import { bytesToWire, wireToBytes } from '../../renderers/wire.ts';

const ROWS = 10_000_000;

function window_(view: ResultView, offset: number, limit: number): { rowCount: number; bytes: Uint8Array } {
  const rowCount = view.filters.length > 0 || view.search ? 1000 : ROWS;
  const length = Math.max(0, Math.min(limit, rowCount - offset));
  const descending = view.sort[0]?.descending ?? false;
  const rows = Array.from({ length }, (_, i) => (descending ? ROWS - 1 - (offset + i) : offset + i));
  const words = new Uint32Array(length * 4);
  rows.forEach((row, i) => {
    const bits = BigInt.asUintN(128, BigInt(row) * -12345n);
    for (let k = 0; k < 4; k++) words[i * 4 + k] = Number((bits >> BigInt(32 * k)) & 0xffffffffn);
  });
  const detail = new Struct([
    new Field('a', new Int32(), true),
    new Field('b', new List(new Field('element', new Utf8(), true)), true),
  ]);
  const columns: [string, Data, string][] = [
    [
      'id',
      makeData({ type: new Int64(), data: BigInt64Array.from(rows, row => 9007199254740993n + BigInt(row)) }),
      'BIGINT',
    ],
    ['amount', makeData({ type: new Decimal(2, 18, 128), data: words }), 'DECIMAL(18,2)'],
    [
      'value',
      makeData({ type: new Float64(), data: Float64Array.from(rows, row => Math.sin(row) * 1000) }),
      'DOUBLE',
    ],
    [
      'created',
      makeData({
        type: new Timestamp(TimeUnit.MICROSECOND, 'UTC'),
        data: BigInt64Array.from(rows, row => 1700000000000001n + BigInt(row) * 123456n),
      }),
      'TIMESTAMP WITH TIME ZONE',
    ],
    [
      'name',
      vectorFromArray(
        rows.map(row => (row % 7 === 0 ? '<img src=x onerror="window.hacked=1"><b>bold</b>' : `row ${row}`)),
        new Utf8(),
      ).data[0]!,
      'VARCHAR',
    ],
    [
      '<i>detail</i>',
      vectorFromArray(
        rows.map(row => (row % 5 === 0 ? null : { a: row, b: ['x', null] })),
        detail,
      ).data[0]!,
      'STRUCT(a INTEGER, b VARCHAR[])',
    ],
  ];
  const schema = new Schema(
    columns.map(([name, data, type]) => new Field(name, data.type, true, new Map([['lakebook:type', type]]))),
    new Map([
      ['lakebook:result-id', 'r1'],
      ['lakebook:row-count', String(ROWS)],
    ]),
  );
  const children = columns.map(([, data]) => data);
  const data = makeData({ type: new Struct(schema.fields), length, children });
  return { rowCount, bytes: tableToIPC(new Table([new RecordBatch(schema, data)]), 'stream') };
}

function answer(body: RendererRequest): unknown {
  switch (body.type) {
    case 'window':
      if (body.view.filters.some(filter => filter.value === 'not a number'))
        throw new Error('"not a number" is no BIGINT.');
      return window_(body.view, body.offset, body.limit);
    case 'summary':
      return body.column === 'name'
        ? {
            column: body.column,
            nullCount: 0,
            distinct: 900,
            top: [
              { value: '<b>x</b>', count: 5e6 },
              { value: 'b', count: 2e6 },
            ],
          }
        : {
            column: body.column,
            nullCount: 2e6,
            distinct: 5,
            min: '0',
            max: '9',
            histogram: [1, 4, 8, 12, 9, 6, 3],
          };
    case 'chart': {
      const table = tableFromArrays({
        x: Int32Array.from({ length: 30 }, (_, i) => i * 10),
        y: Float64Array.from({ length: 30 }, (_, i) => Math.exp(-((i - 12) ** 2) / 40) * 100),
      });
      return { bytes: tableToIPC(table, 'stream'), truncated: false };
    }
    case 'save':
      return { path: `/tmp/out.${body.format}` };
    default:
      return {};
  }
}

const page = globalThis as unknown as { requests: RendererRequest[]; firstPaintMs: number; payload: number };
page.requests = [];
let receive: (message: ToRenderer) => void = () => {};
const context = {
  postMessage(message: unknown) {
    const { request, body } = wireToBytes(message) as ToExtension;
    page.requests.push(body);
    setTimeout(() => {
      try {
        receive(bytesToWire({ request, ok: answer(body) }) as ToRenderer);
      } catch (error) {
        receive({ request, error: (error as Error).message });
      }
    }, 5);
  },
  onDidReceiveMessage(listener: (message: ToRenderer) => void) {
    receive = listener;
    return { dispose() {} };
  },
} as unknown as RendererContext<unknown>;

const renderer = await activate(context);
const first = window_({ sort: [], filters: [] }, 0, 512);
page.payload = first.bytes.length;
const start = performance.now();
const item = { id: 'output', data: () => first.bytes } as never;
renderer!.renderOutputItem(item, document.getElementById('output')!, new AbortController().signal);
page.firstPaintMs = performance.now() - start;
