import { type ParseArgsConfig, parseArgs } from 'node:util';
import { didYouMean } from '../iceberg/did-you-mean.ts';

/** A command line that can't be understood; the process ends with code 2. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
}

type Options = NonNullable<ParseArgsConfig['options']>;

export interface ParsedArguments {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** Parses a command's arguments. @throws UsageError naming the option that was meant */
export function parseArguments(args: readonly string[], options: Options): ParsedArguments {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(...explain(error as Error & { code?: string }, options));
  }
}

function explain(error: Error & { code?: string }, options: Options): [message: string, hint?: string] {
  const names = Object.keys(options).map(name => `--${name}`);
  if (error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const option = /'(--?[^'\s=]+)/.exec(error.message)?.[1] ?? '';
    const close = didYouMean(option, names);
    return [
      `There is no option ${option}.`,
      close === undefined ? `The options are ${names.join(', ')}.` : `Did you mean ${close}?`,
    ];
  }
  return [error.message.split('\n')[0]!];
}

/** An option's text; undefined when it isn't given. */
export function textOption(parsed: ParsedArguments, name: string): string | undefined {
  const value = parsed.values[name];
  return typeof value === 'string' ? value : undefined;
}

/** One of several words. @throws UsageError */
export function choiceOption<T extends string>(
  parsed: ParsedArguments,
  name: string,
  choices: readonly T[],
  otherwise: T,
): T {
  const value = textOption(parsed, name);
  if (value === undefined) return otherwise;
  const found = choices.find(choice => choice === value);
  if (found !== undefined) return found;
  const close = didYouMean(value, choices);
  throw new UsageError(
    `--${name} can't be "${value}".`,
    close === undefined ? `It is one of ${choices.join(', ')}.` : `Did you mean ${close}?`,
  );
}

/** A whole number from 0. @throws UsageError */
export function numberOption(parsed: ParsedArguments, name: string): number | undefined {
  const value = textOption(parsed, name);
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  throw new UsageError(`--${name} must be a whole number, not "${value}".`);
}

/** The `--param name=value` options. @throws UsageError */
export function parameterOptions(parsed: ParsedArguments): Record<string, string> {
  const given = (parsed.values.param ?? []) as readonly string[];
  return Object.fromEntries(
    given.map(text => {
      const found = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(text);
      if (found === null) {
        throw new UsageError(`--param ${text} is no name=value.`, 'Write for example --param region=EU.');
      }
      return [found[1]!, found[2]!];
    }),
  );
}

/** Options that all commands on a lake have. */
export const lakeOptions = {
  lake: { type: 'string' },
  param: { type: 'string', multiple: true },
  'memory-limit': { type: 'string' },
  threads: { type: 'string' },
  engine: { type: 'string' },
} as const satisfies Options;
