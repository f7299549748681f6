import type { Span } from '../engine/sql/sql-text.ts';
import { typeNames } from '../iceberg/schema.ts';
import type { AssistContext } from './assist-context.ts';
import { completePath } from './complete-files.ts';
import { columnItems, tableItems, versionItems } from './complete-items.ts';
import { expectationsAt } from './lake-language/expectations.ts';
import { findVerb, verbNames } from './lake-language/grammar.ts';
import { verbMarkdown } from './lake-language/help.ts';
import type { CompleteReply, CompletionItem } from './protocol.ts';

export async function completeLake(
  context: AssistContext,
  source: string,
  within: Span,
  offset: number,
): Promise<CompleteReply> {
  const place = expectationsAt(source, within, offset);
  const end = offset + /^[\p{L}\p{N}_]*/u.exec(source.slice(offset))![0].length;
  if (place.kind === 'nothing') return { start: offset, end: offset, items: [] };
  if (place.kind === 'verb') {
    return { start: place.start, end, items: verbItems() };
  }
  if (place.kind === 'string') {
    const typed = source.slice(place.start, offset);
    const items = place.isPath ? await completePath(context.session.workingDirectory, typed) : [];
    return { start: place.start + typed.lastIndexOf('/') + 1, end: offset, items };
  }
  const items: CompletionItem[] = [];
  const table = place.table === undefined ? undefined : await context.explorer.knownTable(place.table);
  for (const expectation of place.expected) {
    if (expectation.type === 'word') items.push({ label: expectation.word, kind: 'keyword' });
    else if (expectation.type === 'more') items.push(...(table === undefined ? [] : columnItems(table)));
    else if (expectation.type === 'argument') {
      for (const choice of expectation.choices ?? []) items.push({ label: choice, kind: 'value' });
      switch (expectation.kind) {
        case 'table':
        case 'source':
          items.push(...(await tableItems(context)));
          break;
        case 'column':
        case 'columns':
        case 'field':
        case 'fields':
        case 'condition':
          if (table !== undefined) items.push(...columnItems(table));
          break;
        case 'version':
          if (table !== undefined) items.push(...versionItems(table, 'lake'));
          break;
        case 'branch':
        case 'ref':
          for (const ref of table?.refs ?? [])
            items.push({ label: ref.name, kind: 'reference', detail: ref.type });
          break;
        case 'namespace':
          items.push(...(await tableItems(context)).filter(item => item.kind === 'namespace'));
          break;
        case 'type':
          items.push(...typeNames.map((label): CompletionItem => ({ label, kind: 'type' })));
          break;
        case 'verb':
          items.push(...verbItems());
          break;
      }
    }
  }
  return { start: place.start, end, items };
}

function verbItems(): CompletionItem[] {
  return verbNames.map(name => {
    const verb = findVerb(name)!;
    return { label: name, kind: 'verb', detail: verb.about, documentation: verbMarkdown(verb) };
  });
}
