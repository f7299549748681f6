import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LakebookError } from '../../src/iceberg/errors.ts';
import {
  emptyNotebook,
  type Notebook,
  parseNotebook,
  serializeNotebook,
} from '../../src/notebook/lakebook-file.ts';

function failure(text: string): LakebookError {
  try {
    parseNotebook(text, 'x.lakebook');
  } catch (error) {
    if (error instanceof LakebookError) return error;
    throw error;
  }
  throw new Error('no error');
}

test('a file that was written is read and written back byte for byte', () => {
  const text = readFileSync(new URL('../../samples/tour.lakebook', import.meta.url), 'utf8');
  expect(serializeNotebook(parseNotebook(text))).toBe(text);
});

test('cells, languages, outputs and unknown metadata survive', () => {
  const notebook: Notebook = {
    metadata: { custom: { z: 1, a: [1, 2] }, language_info: { name: 'sql', version: '1' } },
    cells: [
      {
        kind: 'markdown',
        id: 'm1',
        source: '# Title\n',
        metadata: {},
        attachments: { 'a.png': { 'image/png': 'x' } },
      },
      {
        kind: 'code',
        id: 'c1',
        language: 'lake',
        source: '%lake tables\n',
        metadata: { tags: ['x'], vscode: { other: true } },
        outputs: [{ output_type: 'stream', name: 'stdout', text: ['a\n', 'b'] }],
        executionCount: 3,
      },
    ],
  };
  const text = serializeNotebook(notebook);
  const again = parseNotebook(text);
  expect(again.cells).toMatchObject([
    notebook.cells[0],
    { ...notebook.cells[1], metadata: { tags: ['x'], vscode: { other: true, languageId: 'lake' } } },
  ]);
  expect(again.metadata).toMatchObject({ ...notebook.metadata, kernelspec: { name: 'lakebook' } });
  expect(serializeNotebook(again)).toBe(text);
  expect(JSON.parse(text).cells[1].source).toEqual(['%lake tables\n']);
});

test('keys are sorted, texts are lists of lines, one space of indentation', () => {
  const text = serializeNotebook(emptyNotebook());
  expect(text).toMatch(/^\{\n "cells": \[\],\n "metadata": \{\n {2}"kernelspec"/);
  expect(text.endsWith('}\n')).toBe(true);
});

test('an empty file is an empty notebook; cells without valid, unique ids get some', () => {
  expect(parseNotebook('').cells).toEqual([]);
  const cell = { cell_type: 'markdown', metadata: {}, source: 'x' };
  const { cells } = parseNotebook(
    JSON.stringify({
      nbformat: 4,
      nbformat_minor: 4,
      cells: [cell, { ...cell, id: 'a' }, { ...cell, id: 'a' }, { ...cell, id: 'ä' }],
    }),
  );
  const ids = cells.map(each => each.id);
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
});

describe('broken files', () => {
  test.each([
    [
      '{"nbformat": 4,\n "cells": [{"cell_type": "code", "source": 5}]}',
      /Cell 1: `source`/,
      { line: 2, column: 44 },
    ],
    ['{"nbformat": 4, "cells": [{"cell_type": "chart", "source": ""}]}', /"chart"/, { line: 1, column: 41 }],
    [
      '{"nbformat": 4, "cells": [\n{"cell_type": "code", "source": "", "outputs": [{}]}]}',
      /output 1/,
      { line: 2, column: 49 },
    ],
    ['{"nbformat": 3, "cells": []}', /nbformat 3/, { line: 1, column: 14 }],
    ['{"a": 1}', /not a notebook/, { line: 1, column: 1 }],
    ['[]', /JSON object/, { line: 1, column: 1 }],
    ['{"nbformat": 4,\n "cells": [}', /not valid JSON/, { line: 2, column: 12 }],
    ['{"nbformat": 4, "cells": [', /not valid JSON/, { line: 1, column: 27 }],
    ['{\n<<<<<<< HEAD\n}', /merge conflict/, { line: 2, column: 1 }],
  ])('%s', (text, message, position) => {
    const error = failure(text);
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ code: 'NOTEBOOK_INVALID', file: 'x.lakebook', position });
    expect(error.message).not.toContain('undefined');
  });

  test('any cut or change of a file is a notebook or a NOTEBOOK_INVALID', () => {
    const text = readFileSync(new URL('../../samples/tour.lakebook', import.meta.url), 'utf8').slice(0, 3000);
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(40), fc.string({ maxLength: 4 }), (at, cut, put) => {
        try {
          parseNotebook(text.slice(0, at) + put + text.slice(at + cut));
        } catch (error) {
          expect(error).toMatchObject({ code: 'NOTEBOOK_INVALID' });
        }
      }),
    );
  });
});
