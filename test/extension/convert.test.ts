import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RESULT_MIME } from '../../renderers/messages.ts';
import { errorMime, type PlainCell, toNotebook, toPlainCell } from '../../src/extension/notebook/convert.ts';
import { runError, runOutput } from '../../src/extension/notebook/run-outputs.ts';
import { emptyNotebook, parseNotebook, serializeNotebook } from '../../src/notebook/lakebook-file.ts';

const text = new TextDecoder();

/** Opening and saving without touching anything. */
function openAndSave(file: string): string {
  const { cells, metadata } = parseNotebook(file);
  return serializeNotebook(toNotebook(cells.map(toPlainCell), metadata));
}

const source = fc.string({ unit: 'grapheme' });
const json = fc.jsonValue({ maxDepth: 2 });
const output = fc.oneof(
  fc.record({ output_type: fc.constant('stream'), name: fc.constantFrom('stdout', 'stderr'), text: source }),
  fc.record({
    output_type: fc.constant('display_data'),
    data: fc.record({ 'text/plain': source, 'application/json': json, 'image/png': fc.base64String() }),
    metadata: fc.constant({}),
    extra: json,
  }),
  fc.record({
    output_type: fc.constant('error'),
    ename: source,
    evalue: source,
    traceback: fc.array(source),
  }),
);
const cell = fc.oneof(
  fc.record({
    cell_type: fc.constant('code'),
    metadata: fc.dictionary(fc.constantFrom('tags', 'other'), json),
    execution_count: fc.option(fc.nat()),
    source,
    outputs: fc.array(output, { maxLength: 3 }),
  }),
  fc.record({
    cell_type: fc.constantFrom('markdown', 'raw'),
    metadata: fc.dictionary(fc.constantFrom('tags', 'other'), json),
    source,
    attachments: fc.constant({ 'a.png': { 'image/png': 'AAAA' } }),
  }),
);

describe('a notebook in the editor', () => {
  test('is saved as it was read, with everything that Lakebook does not know', () => {
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 5 }), json, (cells, extra) => {
        const notebook = {
          nbformat: 4,
          nbformat_minor: 5,
          metadata: { extra },
          cells: cells.map((each, index) => ({ ...each, id: `c${index}` })),
        };
        const file = serializeNotebook(parseNotebook(JSON.stringify(notebook)));
        expect(openAndSave(file)).toBe(file);
      }),
    );
  });

  test('pasted cells get ids of their own', () => {
    const plain: PlainCell = {
      kind: 'code',
      language: 'sql',
      source: '',
      metadata: { id: 'same' },
      outputs: [],
    };
    const { cells } = toNotebook([plain, plain, { ...plain, metadata: {} }], {});
    expect(cells[0]!.id).toBe('same');
    expect(new Set(cells.map(each => each.id)).size).toBe(3);
  });

  test('a result takes the number that its cell got in the end', () => {
    const made = runOutput(result(), 0);
    const plain: PlainCell = {
      kind: 'code',
      language: 'sql',
      source: '',
      metadata: {},
      outputs: [made],
      executionOrder: 7,
    };
    const [saved] = toNotebook([plain], {}).cells;
    expect(saved).toMatchObject({
      executionCount: 7,
      outputs: [{ output_type: 'execute_result', execution_count: 7 }],
    });
  });

  test('an output of another extension keeps its texts', () => {
    const foreign = {
      items: [
        { mime: 'text/plain', data: new TextEncoder().encode('a\nb') },
        { mime: 'application/octet-stream', data: new Uint8Array([1]) },
      ],
      metadata: {} as never,
    };
    const plain: PlainCell = { kind: 'code', language: 'sql', source: '', metadata: {}, outputs: [foreign] };
    expect(toNotebook([plain], {}).cells[0]).toMatchObject({
      outputs: [{ output_type: 'display_data', data: { 'text/plain': ['a\n', 'b'] } }],
    });
  });

  test('an empty file is an empty notebook', () => {
    expect(openAndSave('')).toBe(serializeNotebook(emptyNotebook()));
  });
});

describe('what a run shows', () => {
  test('a result is a grid first, with HTML and text beside it; the grid is not saved', () => {
    const { items, metadata } = runOutput(result(), 3);
    expect(items.map(item => item.mime)).toEqual([RESULT_MIME, 'text/html', 'text/plain']);
    expect(metadata.facts).toMatchObject({ rows: 2, resultId: 'r1', scan: { dataFiles: 9 } });
    expect(Object.keys(metadata.nbformat.data as object)).toEqual(['text/html', 'text/plain']);
  });

  test('an error has the line it is in', () => {
    const error = {
      name: 'SqlError',
      code: 'SYNTAX',
      message: 'Bad.',
      position: { line: 2, column: 3, length: 2 },
    };
    const { items } = runError(error, 'SELECT\n  xy');
    expect(items[0]!.mime).toBe(errorMime);
    const { name, message, stack } = JSON.parse(text.decode(items[0]!.data));
    expect({ name, message }).toEqual({ name: 'SqlError', message: 'Bad.' });
    expect(stack).toContain('2 |   xy\n    |   ^^');
  });
});

function result() {
  return {
    kind: 'result',
    resultId: 'r1',
    name: '_1',
    columns: [{ name: 'a', type: 'BIGINT' }],
    rowCount: 2,
    complete: true,
    truncated: false,
    page: new Uint8Array([1, 2, 3]),
    preview: [[1], [2]],
    elapsedMs: 5,
    scan: { dataFiles: 9, dataFilesScanned: 2, bytes: 900, bytesScanned: 200 },
  } as const;
}
