// Rows of other engines in Lakebook's results beside the engines' own clients. Prints Markdown; writes
// results/engines.json.
// usage: node bench/engines.ts [--rows 1000000] [--rounds 5] [--only trino|spark]
// needs scripts/trino-judge.sh, scripts/minio-judge.sh, scripts/judges.sh and scripts/spark-peer.sh
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measureSpark, sparkForms } from './engines-spark.ts';
import { measureTrino } from './engines-trino.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
});
const rows = Number(values.rows);
const rounds = Number(values.rounds);

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

const trino = values.only === 'spark' ? undefined : await trinoTable();
const spark = values.only === 'trino' ? undefined : await sparkTable();
writeFileSync(
  path.join(import.meta.dirname, 'results', 'engines.json'),
  `${JSON.stringify({ rows, rounds, cores: cpus().length, cpu: cpus()[0]!.model, trino, spark }, undefined, 2)}\n`,
);

async function trinoTable() {
  const trino = await measureTrino(rows, rounds);
  console.log(
    `${rows.toLocaleString('en')} rows of 8 columns from Trino 476; seconds, medians of ${rounds} rounds.\n`,
  );
  console.log(
    "| rows | Lakebook, kept as a result | Trino's command line, rows dropped | as CSV | of the dropped | of the CSV |",
  );
  console.log('|---|---|---|---|---|---|');
  for (const { name, seconds } of trino) {
    const [ours, dropped, csv] = ['Lakebook', 'trino, rows dropped', 'trino, CSV'].map(key =>
      median(seconds[key]!),
    );
    const cells = [name, ours!.toFixed(2), dropped!.toFixed(2), csv!.toFixed(2)];
    console.log(
      `| ${[...cells, `${(ours! / dropped!).toFixed(2)}x`, `${(ours! / csv!).toFixed(2)}x`].join(' | ')} |`,
    );
  }
  return trino;
}

async function sparkTable() {
  const spark = await measureSpark(rows, rounds);
  console.log(
    `\n${rows.toLocaleString('en')} rows of 8 columns from Spark 4.1.4 by Spark Connect; seconds, medians of ${rounds} rounds.\n`,
  );
  console.log(
    `| Lakebook, kept as a result | ${sparkForms.map(form => `PySpark’s \`${form}()\``).join(' | ')} |`,
  );
  console.log(`|---:|${sparkForms.map(() => '---:|').join('')}`);
  const ours = median(spark.Lakebook);
  const cells = sparkForms.map(form => {
    const theirs = median(spark[form]);
    return `${theirs.toFixed(2)} (${(ours / theirs).toFixed(2)}x)`;
  });
  console.log(`| ${ours.toFixed(2)} | ${cells.join(' | ')} |`);
  return spark;
}
