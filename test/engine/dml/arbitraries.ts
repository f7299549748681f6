import fc from 'fast-check';

/* Random statements on a table `t` (id BIGINT, g VARCHAR, n INTEGER, d DATE). */

const nullable = (arbitrary: fc.Arbitrary<string>) => fc.oneof({ weight: 5, arbitrary }, fc.constant('NULL'));
/** Columns `id`, `g`, `n` and `d` of a table named `t`. */
export const id = fc.integer({ min: 0, max: 12 }).map(String);
const g = fc.constantFrom("'a'", "'ab'", "'b'", "''", "'ö'");
const n = fc.integer({ min: -3, max: 9 }).map(String);
const d = fc.constantFrom("DATE '2024-01-05'", "DATE '2024-01-31'", "DATE '2024-02-01'", "DATE '1969-12-31'");

const row = fc
  .tuple(nullable(id), nullable(g), nullable(n), nullable(d))
  .map(values => `(${values.join(', ')})`);
const rows = fc.array(row, { minLength: 1, maxLength: 6 }).map(list => list.join(', '));

export const simpleCondition = fc.oneof(
  id.map(value => `t.id = ${value}`),
  id.map(value => `id >= ${value} AND t.id < ${value} + 3`),
  fc.constant('t.id IS NULL'),
  g.map(value => `g = ${value}`),
  fc.constant("g LIKE 'a%'"),
  fc.constant("g IN ('a', 'b')"),
  fc.constant("g NOT IN ('a', 'b')"),
  n.map(value => `n > ${value}`),
  n.map(value => `NOT (t.n <= ${value})`),
  d.map(value => `d >= ${value}`),
  fc.constant("d >= DATE '2024-01-01' AND d < DATE '2024-02-01'"),
  fc.constant('d IS NULL OR n = 1'),
  fc.constant('true'),
  fc.constant('1 = 0'),
);
const subquery = fc.constantFrom(
  't.n > (SELECT avg(n) FROM t)',
  't.id IN (SELECT id + 1 FROM t AS other WHERE other.n > 2)',
  'NOT EXISTS (SELECT 1 FROM t AS other WHERE other.id = t.id + 1)',
);
const condition = fc.oneof({ weight: 4, arbitrary: simpleCondition }, subquery);

const assignment = fc.oneof(
  fc.constantFrom(
    'n = n + 1',
    "g = coalesce(g, '') || 'x'",
    'id = id + 1',
    "d = DATE '2024-02-29'",
    'd = NULL',
    'n = DEFAULT',
    'n = (SELECT max(other.n) FROM t AS other WHERE other.g = t.g)',
    'n = id, id = n',
    '(g, n) = (upper(g), n * 2)',
  ),
  g.map(value => `g = ${value}`),
);

/** A source with at most one row for each key; rows without a key as they come. */
const source = fc
  .uniqueArray(fc.tuple(id, nullable(g), nullable(n), nullable(d)), {
    minLength: 1,
    maxLength: 6,
    selector: ([key]) => key,
  })
  .chain(list =>
    fc
      .array(fc.constant("(NULL, 'a', 1, NULL)"), { maxLength: 1 })
      .map(extra => [...list.map(values => `(${values.join(', ')})`), ...extra]),
  )
  .map(
    list =>
      `(SELECT v.id::BIGINT AS id, v.g::VARCHAR AS g, v.n::INTEGER AS n, v.d::DATE AS d FROM (VALUES ${list.join(', ')}) AS v(id, g, n, d))`,
  );

const and = (conditions: readonly string[]) =>
  fc
    .option(fc.constantFrom(...conditions), { nil: undefined })
    .map(text => (text === undefined ? '' : ` AND ${text}`));
const matched = fc
  .tuple(
    and(['s.n > 3', 't.n < s.n', 't.g IS NULL', "t.d > DATE '2024-01-10'"]),
    fc.constantFrom(
      'UPDATE SET n = s.n',
      'UPDATE SET g = s.g, n = t.n + s.n',
      'UPDATE SET id = s.id, g = s.g, n = s.n, d = s.d',
      'UPDATE BY NAME',
      'DELETE',
      'DO NOTHING',
    ),
  )
  .map(([when, action]) => `WHEN MATCHED${when} THEN ${action}`);
const notMatched = fc
  .tuple(
    and(['s.n > 3', 's.g IS NOT NULL']),
    fc.constantFrom(
      'INSERT VALUES (s.id, s.g, s.n, s.d)',
      'INSERT (n, id) VALUES (s.n + 1, s.id)',
      'INSERT BY NAME',
      'INSERT',
      'INSERT (id, g) VALUES (s.id, DEFAULT)',
      'DO NOTHING',
    ),
  )
  .map(([when, action]) => `WHEN NOT MATCHED${when} THEN ${action}`);
const bySource = fc
  .tuple(
    and(['t.n > 3', 't.g IS NULL', "t.d >= DATE '2024-02-01'"]),
    fc.constantFrom('UPDATE SET n = -1', 'UPDATE SET g = t.g, d = NULL', 'DELETE', 'DO NOTHING'),
  )
  .map(([when, action]) => `WHEN NOT MATCHED BY SOURCE${when} THEN ${action}`);
/** What follows a clause without a condition could never act: both DuckDB and Lakebook refuse that. */
const clauses = fc
  .array(fc.oneof(matched, notMatched, bySource), { minLength: 1, maxLength: 5 })
  .map(list => list.filter((clause, index) => !list.slice(0, index).some(other => endsKind(other, clause))));

function endsKind(before: string, clause: string): boolean {
  const [when] = before.split(' THEN ');
  return !when!.includes(' AND ') && clause.split(/ AND | THEN /)[0] === when;
}

export interface Statement {
  readonly sql: string;
  /** A condition on the file's own rows that tells which it changes. */
  readonly touches?: string;
}

export const statement: fc.Arbitrary<Statement> = fc.oneof(
  { weight: 3, arbitrary: rows.map(list => ({ sql: `INSERT INTO t VALUES ${list}` })) },
  fc.constant({ sql: 'INSERT INTO t (n, id) SELECT max(n) + 1, max(id) + 1 FROM t' }),
  rows.map(list => ({
    sql: `INSERT INTO t BY NAME SELECT x AS n, y AS g FROM (VALUES ${list}) AS v(w, y, x, z)`,
  })),
  fc
    .tuple(assignment, simpleCondition)
    .map(([set, where]) => ({ sql: `UPDATE t SET ${set} WHERE ${where}`, touches: where })),
  fc.tuple(assignment, condition).map(([set, where]) => ({ sql: `UPDATE t SET ${set} WHERE ${where}` })),
  simpleCondition.map(where => ({ sql: `DELETE FROM t WHERE ${where}`, touches: where })),
  condition.map(where => ({ sql: `DELETE FROM t WHERE ${where}` })),
  source.map(from => ({ sql: `DELETE FROM t USING ${from} AS s WHERE t.id = s.id AND s.n > 2` })),
  source.map(from => ({ sql: `UPDATE t SET n = s.n, g = t.g || s.g FROM ${from} AS s WHERE t.id = s.id` })),
  {
    weight: 4,
    arbitrary: fc
      .tuple(source, clauses, fc.constantFrom('ON t.id = s.id', 'ON s.id = t.id AND t.n >= 0', 'USING (id)'))
      .map(([from, list, on]) => ({ sql: `MERGE INTO t USING ${from} AS s ${on} ${list.join(' ')}` })),
  },
  fc.constantFrom({ sql: 'DELETE FROM t' }, { sql: 'TRUNCATE t' }),
);
