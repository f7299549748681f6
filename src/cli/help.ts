import { didYouMean } from '../iceberg/did-you-mean.ts';
import { helpText } from '../notebook/lake-language/help.ts';
import { UsageError } from './arguments.ts';

interface Command {
  readonly name: string;
  readonly usage: string;
  readonly about: string;
  readonly details: string;
}

const lakeDetails = `  --lake DIR            folder whose lake is used; the nearest lakebook.json from here upwards when absent
  --param NAME=VALUE    value of $NAME; may be given several times
  --memory-limit SIZE   memory of the engine, e.g. 2GB; 60 % of the machine's when absent
  --threads N           one for each core when absent
  --engine NAME         duckdb (here, default), trino or spark: what runs SQL that names no engine itself`;

const statementDetails = (
  what: string,
) => `  --format FORMAT       table (default), json, csv, parquet or arrow
  --out FILE            write to a file, which appears whole or not at all
  --file FILE           read ${what} from a file; - reads standard input
  --max-rows N          rows shown: 100 as a table, all otherwise
${lakeDetails}`;

export const commands: readonly Command[] = [
  {
    name: 'run',
    usage: 'run NOTEBOOK',
    about: "Runs a notebook's cells. The exit code is 0 only when every cell passed.",
    details: `  --format FORMAT       text (default), json, html or ipynb
  --out FILE            write to a file, which appears whole or not at all
  --keep-going          run the cells behind one that failed too
  --max-rows N          rows kept of each result
${lakeDetails}`,
  },
  {
    name: 'sql',
    usage: 'sql "SELECT ..."',
    about: 'Runs SQL on the lake.',
    details: statementDetails('SQL'),
  },
  {
    name: 'lake',
    usage: 'lake "ingest sales data.csv"',
    about: 'Runs verbs of the lake language; `lakebook lake help` explains them.',
    details: statementDetails('verbs'),
  },
  {
    name: 'serve',
    usage: 'serve',
    about: 'Serves the lake over HTTP: ingest and query with tokens; documentation at /docs.',
    details: `  --port N              8765 when absent; 0 takes any that is free
  --host HOST           127.0.0.1 when absent: this machine only
  --allow-host NAME     one more name that the server answers to; may be given several times
  --token-file FILE     the tokens; .lakebook/gateway-tokens.json when absent, made at the first start
  --read-only           changes nothing, whatever the token
  --memory-limit SIZE   memory of all engines together, e.g. 2GB; half of the machine's when absent
  --timeout SECONDS     what a request may take unless it asks for less; 60 when absent
  --quiet               no log of requests on standard error
  --lake DIR            folder whose lake is served; the nearest lakebook.json from here upwards when absent`,
  },
  {
    name: 'jupyter',
    usage: 'jupyter install|uninstall',
    about:
      'Registers Lakebook as a kernel of Jupyter: JupyterLab, nbconvert and papermill run its notebooks.',
    details: `  --user                in the user's own Jupyter folder (default)
  --prefix DIR          in an installation's or environment's folder
  --sys-prefix          in the Python environment that is active, else that of python3
  --name NAME           the kernel's name; lakebook when absent

\`lakebook jupyter kernel -f FILE\` is what Jupyter starts; it takes --lake DIR, --memory-limit SIZE, --threads N.`,
  },
  {
    name: 'doctor',
    usage: 'doctor',
    about: 'Checks Node, the engine, the catalog, the warehouse and free space, and says what to do.',
    details: `  --format FORMAT       text (default) or json
  --lake DIR            folder whose lake is checked`,
  },
  {
    name: 'setup',
    usage: 'setup',
    about: 'Starts MinIO when no S3 server answers, checks the keys and makes the bucket.',
    details: `  --endpoint URL        address of the server; storage.s3.endpoint or http://127.0.0.1:9000 when absent
  --bucket NAME         the warehouse's bucket, or \`warehouse\`, when absent
  --lake DIR            folder whose lake is meant`,
  },
  {
    name: 'cache',
    usage: 'cache [clear]',
    about: 'Shows what is kept of remote files on this machine; `clear` removes it.',
    details: `  --format FORMAT       text (default) or json
  --lake DIR            folder whose lake is meant`,
  },
  {
    name: 'help',
    usage: 'help [COMMAND]',
    about: 'Shows this help, or that of a command; `help verbs` shows the lake language.',
    details: '',
  },
];

/** The help's text. @throws UsageError for an unknown command */
export function commandHelp(topic: string | undefined): string {
  if (topic === undefined) {
    const width = Math.max(...commands.map(command => command.usage.length));
    return [
      'Lakebook: an Apache Iceberg lakehouse in notebooks.',
      '',
      'Usage: lakebook COMMAND [OPTIONS]',
      '',
      ...commands.map(command => `  ${command.usage.padEnd(width)}  ${command.about}`),
      '',
      '  --version  Shows the version.',
      '',
      '`lakebook help COMMAND` lists the options of a command.',
    ].join('\n');
  }
  if (topic === 'verbs') return helpText();
  const command = commands.find(candidate => candidate.name === topic);
  if (command === undefined) throw unknownCommand(topic);
  const { usage, about, details } = command;
  return [
    `Usage: lakebook ${usage}${details === '' ? '' : ' [OPTIONS]'}`,
    '',
    about,
    ...(details === '' ? [] : ['', details]),
  ].join('\n');
}

export function unknownCommand(name: string): UsageError {
  const names = commands.map(command => command.name);
  const close = didYouMean(name, names);
  return new UsageError(
    `There is no command "${name}".`,
    close === undefined ? `The commands are ${names.join(', ')}.` : `Did you mean ${close}?`,
  );
}
