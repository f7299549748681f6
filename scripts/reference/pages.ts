import { configVariables } from '../../src/catalog/lake-config.ts';
import { storageVariables } from '../../src/catalog/storage-config.ts';
import { commandHelp, commands } from '../../src/cli/help.ts';
import { procedures } from '../../src/engine/ddl/call.ts';
import { dollarNames } from '../../src/iceberg/inspect.ts';
import { propertyDefaults, propertyNames } from '../../src/iceberg/properties.ts';
import { evolveForms } from '../../src/notebook/lake-language/changes.ts';
import { verbs } from '../../src/notebook/lake-language/grammar.ts';
import { usageLines } from '../../src/notebook/lake-language/help.ts';
import { showSyntax } from '../../src/notebook/lake-language/syntax.ts';
import { alterActions, mergeActions, statements } from './statements.ts';

/** The pages of the reference by their paths. They are made from what the parsers themselves read. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'docs/lake-language.md': lakePage(),
    'docs/sql.md': sqlPage(),
    'docs/command-line.md': commandPage(),
  };
}

const made = '<!-- Made by `npm run docs` from the tables of the parser. -->';

const fence = (language: string, lines: readonly string[]) => ['```' + language, ...lines, '```'];

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function lakePage(): string {
  return page([
    '# The lake language',
    '',
    made,
    '',
    'A cell that starts with `%lake` holds one verb; one that starts with `%%lake` a verb a line. `lakebook lake "..."` runs verbs from the shell. `%lake help VERB` shows what stands here.',
    '',
    'Keywords may be written in any case. `[ ]` may be left out, clauses in brackets may stand in any order. Names with other characters than letters, digits and `_` stand in double quotes; `namespace.table` names a table of another namespace. `$name` is the value of a parameter of the notebook.',
    '',
    '| verb | what it does |',
    '|---|---|',
    ...verbs.map(verb => `| [${verb.name}](#${verb.name.replaceAll(' ', '-')}) | ${verb.about} |`),
    '',
    ...verbs.flatMap(verb => [
      `## ${verb.name}`,
      '',
      verb.about,
      '',
      ...fence('text', usageLines(verb)),
      '',
      ...(verb.name === 'evolve' ? [...evolveTable(), ''] : []),
      ...(verb.notes ?? []).flatMap(note => [`- ${note}`]),
      ...(verb.notes === undefined ? [] : ['']),
      ...fence(
        'lake',
        verb.examples.map(example => `%lake ${example}`),
      ),
      '',
    ]),
  ]).replace(/\n+$/, '\n');
}

function evolveTable(): string[] {
  return [
    '| change | what it does |',
    '|---|---|',
    ...evolveForms.map(form => `| \`${cell(showSyntax(form.element))}\` | ${form.about} |`),
  ];
}

/** Text in a table's cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function sqlPage(): string {
  return page([
    '# SQL',
    '',
    made,
    '',
    'SQL cells are DuckDB’s SQL. What names a lake table is run by Lakebook as below; everything else is DuckDB’s own. A cell may hold several statements. `-- name: x` makes the result of a cell a table for later cells; `_` is the last result, `_1` that of the first cell that was run.',
    '',
    '## Statements',
    '',
    ...Object.entries(statements).flatMap(([kind, { about, syntax, notes, examples }]) => [
      `### ${title(kind)}`,
      '',
      about,
      '',
      ...fence('text', syntax),
      '',
      ...(kind === 'alter-table' ? alterTable() : []),
      ...(kind === 'merge' ? mergeTable() : []),
      ...(notes ?? []).map(note => `- ${note}`),
      ...(notes === undefined ? [] : ['']),
      ...(kind === 'alter-table'
        ? []
        : [
            ...fence(
              'sql',
              examples.map(example => `${example};`),
            ),
            '',
          ]),
    ]),
    '## Versions of a table',
    '',
    '`AT (VERSION => ...)` takes a snapshot’s id, a branch or a tag, `AT (TIMESTAMP => ...)` a moment: the snapshot that was current then. `table.branch_NAME` and `table.tag_NAME` are Spark’s way to write the same, and the way to write to a branch.',
    '',
    '## Metadata tables',
    '',
    `Behind a table’s name and a \`$\`, with the columns that Spark and PyIceberg give them: ${dollarNames.map(name => `\`$${name}\``).join(', ')}.`,
    '',
    '## Procedures',
    '',
    'With the names, parameters and answers of Iceberg’s Spark procedures. Optional parameters stand in brackets.',
    '',
    '| procedure | parameters |',
    '|---|---|',
    ...Object.entries(procedures).map(
      ([name, { parameters }]) =>
        `| \`system.${name}\` | ${parameters.map(({ name: parameter, optional }) => (optional ? `[${parameter}]` : parameter)).join(', ')} |`,
    ),
    '',
    '## Table properties',
    '',
    'Properties that have an effect here, by Iceberg’s names; others are kept and passed on.',
    '',
    '| property | default |',
    '|---|---|',
    ...Object.values(propertyNames).map(name => {
      const value = (propertyDefaults as Readonly<Record<string, unknown>>)[name];
      const shown = value === undefined || value === Number.MAX_SAFE_INTEGER ? '' : `\`${value}\``;
      return `| \`${name}${name.endsWith('.') ? '<column>' : ''}\` | ${shown} |`;
    }),
  ]);
}

function title(kind: string): string {
  return kind === 'query' ? 'SELECT' : kind.toUpperCase().replaceAll('-', ' ').replace('SCHEMA', 'SCHEMA');
}

function alterTable(): string[] {
  return [
    ...fence(
      'text',
      Object.values(alterActions).flatMap(examples =>
        examples.map(example => `ALTER TABLE sales ${example};`),
      ),
    ),
    '',
  ];
}

function mergeTable(): string[] {
  return ['Clauses, by example:', '', ...fence('text', Object.values(mergeActions)), ''];
}

function commandPage(): string {
  return page([
    '# The command line',
    '',
    made,
    '',
    ...fence('text', commandHelp(undefined).split('\n')),
    '',
    ...commands.flatMap(command => [
      `## ${command.name}`,
      '',
      ...fence('text', commandHelp(command.name).split('\n')),
      '',
    ]),
    '## Environment variables',
    '',
    'They take the place of what `lakebook.json` says. `AWS_*` variables are read by the AWS SDK.',
    '',
    '| variable | instead of |',
    '|---|---|',
    ...Object.entries(configVariables).map(([key, name]) => `| \`${name}\` | ${configKeys[key] ?? key} |`),
    ...Object.entries(storageVariables).map(([key, name]) => `| \`${name}\` | ${key} of \`storage\` |`),
  ]);
}

/** Where lakebook.json says what a variable says. */
const configKeys: Readonly<Record<string, string>> = {
  root: 'the folder that is asked for',
  catalogType: '`catalog.type`',
  catalogUri: '`catalog.uri`',
  catalogName: '`catalog.name`',
  warehouse: '`warehouse`',
  namespace: '`namespace`',
};
