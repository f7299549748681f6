import { didYouMean } from '../../iceberg/did-you-mean.ts';
import { NotFoundError } from '../../iceberg/errors.ts';
import { evolveForms } from './changes.ts';
import { findVerb, type Verb, verbNames, verbs } from './grammar.ts';
import { showSyntax } from './syntax.ts';

/** A verb's syntax, a line for each form. */
export function usageLines(verb: Verb): string[] {
  return verb.forms.map(form => `${verb.name} ${showSyntax(form.element)}`.trimEnd());
}

/**
 * The help's text: all verbs, or one in full.
 * @throws NotFoundError for a verb that isn't there
 */
export function helpText(topic?: string): string {
  if (topic !== undefined) return verbHelp(verbNamed(topic));
  const width = Math.max(...verbs.map(verb => verb.name.length));
  return [
    'One verb a line, after %lake or in a %%lake cell:',
    '',
    ...verbs.map(verb => `  ${verb.name.padEnd(width)}  ${verb.about}`),
    '',
    '`help <verb>` shows a verb with its syntax and examples.',
  ].join('\n');
}

/** A verb in full, as plain text. */
export function verbHelp(verb: Verb): string {
  const parts = [`${verb.name}: ${verb.about}`, '', ...usageLines(verb).map(line => `  ${line}`)];
  if (verb.name === 'evolve') {
    const syntaxes = evolveForms.map(form => showSyntax(form.element));
    parts.push(
      '',
      'Changes:',
      ...syntaxes.flatMap((syntax, i) => [`  ${syntax}`, `      ${evolveForms[i]!.about}`]),
    );
  }
  if (verb.notes !== undefined) parts.push('', ...verb.notes);
  parts.push('', 'Examples:', ...verb.examples.map(example => `  %lake ${example}`));
  return parts.join('\n');
}

/** A verb as Markdown, for hovers and the docs. */
export function verbMarkdown(verb: Verb): string {
  return [
    `**${verb.name}**: ${verb.about}`,
    '```\n' + usageLines(verb).join('\n') + '\n```',
    ...(verb.notes ?? []),
    '```\n' + verb.examples.map(example => `%lake ${example}`).join('\n') + '\n```',
  ].join('\n\n');
}

function verbNamed(topic: string): Verb {
  const verb = findVerb(topic);
  if (verb !== undefined) return verb;
  const close = didYouMean(topic, verbNames);
  throw new NotFoundError('verb', `There is no verb "${topic}".`, {
    hint: close === undefined ? '`%lake help` lists all verbs.' : `Did you mean ${close}?`,
  });
}
