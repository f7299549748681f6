import { describe, expect, test } from 'vitest';
import { parseOne, said } from './support.ts';

const a = { path: ['a'] };
const b = { path: ['b'] };
const added = { kind: 'add-column', column: a, type: 'INT', required: false, ifNotExists: false };
const identity = { kind: 'identity' };
const distribution = (mode: string) => ({
  kind: 'set-properties',
  properties: { 'write.distribution-mode': mode },
});
const branch = {
  kind: 'create-ref',
  type: 'branch',
  name: 'dev',
  orReplace: false,
  ifNotExists: false,
  mustExist: false,
};
const day = 86_400_000;

describe('ALTER TABLE t', () => {
  test.each<[string, object[]]>([
    ['ADD COLUMN a INT', [added]],
    ['ADD a INT', [added]],
    ['ADD COLUMN IF NOT EXISTS a INT', [{ ...added, ifNotExists: true }]],
    [
      "ADD COLUMN s.f struct<x: int> NOT NULL DEFAULT {'x': 1} COMMENT 'c' AFTER s.e",
      [
        {
          ...added,
          column: { path: ['s', 'f'] },
          type: 'struct<x: int>',
          required: true,
          default: "{'x': 1}",
          comment: 'c',
          position: { kind: 'after', column: { path: ['s', 'e'] } },
        },
      ],
    ],
    ['ADD COLUMN a INT DEFAULT 1 FIRST', [{ ...added, default: '1', position: { kind: 'first' } }]],
    [
      "ADD COLUMN a INT BEFORE b COMMENT 'c'",
      [{ ...added, comment: 'c', position: { kind: 'before', column: b } }],
    ],
    [
      'ADD COLUMNS (a INT, b TEXT FIRST)',
      [added, { ...added, column: b, type: 'TEXT', position: { kind: 'first' } }],
    ],
    ['ADD COLUMN (a INT)', [added]],
    [
      'ADD COLUMNS a INT, b INT, DROP COLUMN b',
      [added, { ...added, column: b }, { kind: 'drop-column', column: b, ifExists: false }],
    ],
    ['DROP COLUMN a', [{ kind: 'drop-column', column: a, ifExists: false }]],
    ['DROP a', [{ kind: 'drop-column', column: a, ifExists: false }]],
    [
      'DROP COLUMN IF EXISTS s.f CASCADE',
      [{ kind: 'drop-column', column: { path: ['s', 'f'] }, ifExists: true }],
    ],
    [
      'DROP COLUMNS (a, b)',
      [
        { kind: 'drop-column', column: a, ifExists: false },
        { kind: 'drop-column', column: b, ifExists: false },
      ],
    ],
    [
      'RENAME COLUMN s.f TO "g h"',
      [{ kind: 'rename-column', column: { path: ['s', 'f'] }, to: { name: 'g h' } }],
    ],
    ['RENAME a TO b', [{ kind: 'rename-column', column: a, to: { name: 'b' } }]],
    ['RENAME TO ns.u', [{ kind: 'rename-table', to: { parts: ['ns', 'u'] } }]],
    ['ALTER COLUMN a TYPE BIGINT', [{ kind: 'set-type', column: a, type: 'BIGINT' }]],
    ['ALTER a SET DATA TYPE BIGINT', [{ kind: 'set-type', column: a, type: 'BIGINT' }]],
    [
      'ALTER a SET TYPE decimal(20, 2) USING f(a, 1), ALTER b SET NOT NULL',
      [
        { kind: 'set-type', column: a, type: 'decimal(20, 2)', using: 'f(a, 1)' },
        { kind: 'set-required', column: b, required: true },
      ],
    ],
    ['ALTER COLUMN a DROP NOT NULL', [{ kind: 'set-required', column: a, required: false }]],
    ['ALTER COLUMN a SET DEFAULT 1 + 2', [{ kind: 'set-default', column: a, default: '1 + 2' }]],
    ['ALTER COLUMN a DROP DEFAULT', [{ kind: 'set-default', column: a }]],
    ["ALTER COLUMN a COMMENT 'x'", [{ kind: 'set-comment', column: a, comment: 'x' }]],
    ['ALTER COLUMN a DROP COMMENT', [{ kind: 'set-comment', column: a }]],
    ['ALTER COLUMN a FIRST', [{ kind: 'move-column', column: a, position: { kind: 'first' } }]],
    ['ALTER COLUMN a AFTER b', [{ kind: 'move-column', column: a, position: { kind: 'after', column: b } }]],
    [
      'ALTER COLUMN a BEFORE b',
      [{ kind: 'move-column', column: a, position: { kind: 'before', column: b } }],
    ],
    [
      "ALTER COLUMN a TYPE BIGINT COMMENT 'x' FIRST",
      [
        { kind: 'set-type', column: a, type: 'BIGINT' },
        { kind: 'set-comment', column: a, comment: 'x' },
        { kind: 'move-column', column: a, position: { kind: 'first' } },
      ],
    ],
    [
      'ADD PARTITION FIELD bucket(16, a) AS shard',
      [
        {
          kind: 'add-partition-field',
          field: { column: a, transform: { kind: 'bucket', buckets: 16 }, name: 'shard' },
        },
      ],
    ],
    [
      'DROP PARTITION FIELD shard',
      [{ kind: 'drop-partition-field', field: { kind: 'name', name: 'shard' } }],
    ],
    [
      'DROP PARTITION FIELD days(a)',
      [
        {
          kind: 'drop-partition-field',
          field: { kind: 'transform', item: { column: a, transform: { kind: 'day' } } },
        },
      ],
    ],
    [
      'REPLACE PARTITION FIELD a_day WITH hours(a) AS h',
      [
        {
          kind: 'replace-partition-field',
          field: { kind: 'name', name: 'a_day' },
          by: { column: a, transform: { kind: 'hour' }, name: 'h' },
        },
      ],
    ],
    [
      'SET PARTITIONED BY (a, year(b))',
      [
        {
          kind: 'set-partitioning',
          fields: [
            { column: a, transform: identity },
            { column: b, transform: { kind: 'year' } },
          ],
        },
      ],
    ],
    ['SET PARTITIONED BY ()', [{ kind: 'set-partitioning', fields: [] }]],
    ['RESET PARTITIONED BY', [{ kind: 'set-partitioning', fields: [] }]],
    [
      'WRITE ORDERED BY a DESC, truncate(2, b) NULLS LAST',
      [
        {
          kind: 'set-sort-order',
          fields: [
            { column: a, transform: identity, direction: 'desc', nullOrder: 'nulls-last' },
            {
              column: b,
              transform: { kind: 'truncate', width: 2 },
              direction: 'asc',
              nullOrder: 'nulls-last',
            },
          ],
        },
        distribution('range'),
      ],
    ],
    [
      'WRITE LOCALLY ORDERED BY a',
      [
        {
          kind: 'set-sort-order',
          fields: [{ column: a, transform: identity, direction: 'asc', nullOrder: 'nulls-first' }],
        },
        distribution('none'),
      ],
    ],
    ['WRITE DISTRIBUTED BY PARTITION', [{ kind: 'set-sort-order', fields: [] }, distribution('hash')]],
    ['WRITE UNORDERED', [{ kind: 'set-sort-order', fields: [] }, distribution('none')]],
    ['RESET SORTED BY', [{ kind: 'set-sort-order', fields: [] }]],
    [
      "SET TBLPROPERTIES ('a.b' = 'c', d = 1)",
      [{ kind: 'set-properties', properties: { 'a.b': 'c', d: '1' } }],
    ],
    ["SET ('a' = 'b')", [{ kind: 'set-properties', properties: { a: 'b' } }]],
    [
      "UNSET TBLPROPERTIES IF EXISTS ('a.b', c)",
      [{ kind: 'unset-properties', keys: ['a.b', 'c'], ifExists: true }],
    ],
    ['RESET (a)', [{ kind: 'unset-properties', keys: ['a'], ifExists: false }]],
    ["SET LOCATION 's3://x'", [{ kind: 'set-location', location: 's3://x' }]],
    ['SET IDENTIFIER FIELDS a, s.f', [{ kind: 'set-identifier-fields', columns: [a, { path: ['s', 'f'] }] }]],
    ['DROP IDENTIFIER FIELDS a, b', [{ kind: 'drop-identifier-fields', columns: [a, b] }]],
    ['CREATE BRANCH dev', [branch]],
    ["CREATE BRANCH 'my-branch'", [{ ...branch, name: 'my-branch' }]],
    ['CREATE OR REPLACE BRANCH dev', [{ ...branch, orReplace: true }]],
    ['CREATE BRANCH IF NOT EXISTS dev', [{ ...branch, ifNotExists: true }]],
    [
      'REPLACE BRANCH dev AS OF VERSION 8271638172983719871 RETAIN 7 DAYS WITH SNAPSHOT RETENTION 5 SNAPSHOTS 2 DAYS',
      [
        {
          ...branch,
          orReplace: true,
          mustExist: true,
          version: '8271638172983719871',
          maxRefAgeMs: 7 * day,
          minSnapshotsToKeep: 5,
          maxSnapshotAgeMs: 2 * day,
        },
      ],
    ],
    ['CREATE BRANCH dev WITH SNAPSHOT RETENTION 12 HOURS', [{ ...branch, maxSnapshotAgeMs: day / 2 }]],
    [
      'CREATE TAG dev AS OF VERSION main RETAIN 90 MINUTES',
      [{ ...branch, type: 'tag', version: 'main', maxRefAgeMs: 5_400_000 }],
    ],
    ['DROP BRANCH dev', [{ kind: 'drop-ref', type: 'branch', name: 'dev', ifExists: false }]],
    ['DROP TAG IF EXISTS dev', [{ kind: 'drop-ref', type: 'tag', name: 'dev', ifExists: true }]],
    ['DROP COLUMN branch', [{ kind: 'drop-column', column: { path: ['branch'] }, ifExists: false }]],
  ])('%s', (action, actions) => {
    expect(said(`ALTER TABLE t ${action}`)).toEqual({
      kind: 'alter-table',
      name: { parts: ['t'] },
      ifExists: false,
      actions,
    });
  });

  test('the place of each action is its text', () => {
    const sql = 'ALTER TABLE IF EXISTS ns.t ADD COLUMN a INT , DROP COLUMN b';
    const statement = parseOne(sql);
    if (statement.kind !== 'alter-table') throw new Error(statement.kind);
    expect(statement.ifExists).toBe(true);
    expect(statement.actions.map(({ span }) => sql.slice(span.start, span.end))).toEqual([
      'ADD COLUMN a INT',
      'DROP COLUMN b',
    ]);
  });

  test.each([
    ['FROB x', /^Expected one of ADD, DROP, .*, found "FROB"/, undefined, '1:15+4'],
    ['ADD COLUMN a', /^Expected a type, the statement ends/, undefined, '1:27+1'],
    ['ADD COLUMN a INT FRIST', /^Expected NOT NULL, /, 'Did you mean FIRST instead of FRIST?', '1:32+5'],
    ['ADD PRIMARY KEY (a)', /ADD PRIMARY KEY/, 'Write SET IDENTIFIER FIELDS a, b.', '1:19+11'],
    [
      'REPLACE COLUMNS (a INT)',
      /REPLACE COLUMNS/,
      'Write ADD COLUMN, DROP COLUMN and RENAME COLUMN.',
      '1:23+7',
    ],
    [
      'SET TBLPROPERTEIS (a = 1)',
      /^Expected PARTITIONED BY/,
      'Did you mean TBLPROPERTIES instead of TBLPROPERTEIS?',
      '1:19+13',
    ],
    ['CREATE TAG q RETAIN 7 WEEKS', /^Expected DAYS, HOURS or MINUTES, found "WEEKS"/, undefined, '1:37+5'],
    ['CREATE TAG q WITH SNAPSHOT RETENTION 7 DAYS', /found "WITH"/, undefined, '1:28+4'],
    ['ALTER COLUMN a', /^Expected TYPE, SET NOT NULL/, undefined, '1:29+1'],
  ])('%s is refused', (action, message, hint, at) => {
    expect(said(`ALTER TABLE t ${action}`)).toMatchObject({
      kind: 'other',
      verb: 'ALTER TABLE',
      target: { parts: ['t'] },
      problem: { message: expect.stringMatching(message), ...(hint === undefined ? {} : { hint }), at },
    });
  });
});

describe('COMMENT ON', () => {
  const alter = (parts: string[], action: object) => ({
    kind: 'alter-table',
    name: { parts },
    ifExists: false,
    actions: [action],
  });

  test.each([
    ["TABLE ns.t IS 'x'", alter(['ns', 't'], { kind: 'set-properties', properties: { comment: 'x' } })],
    ['TABLE t IS NULL', alter(['t'], { kind: 'unset-properties', keys: ['comment'], ifExists: true })],
    ["COLUMN ns.t.a IS 'x'", alter(['ns', 't'], { kind: 'set-comment', column: a, comment: 'x' })],
    ['COLUMN t.a IS NULL', alter(['t'], { kind: 'set-comment', column: a })],
    ["VIEW v IS 'x'", { kind: 'other', verb: 'COMMENT' }],
  ])('%s', (rest, expected) => {
    expect(said(`COMMENT ON ${rest}`)).toEqual(expected);
  });
});
