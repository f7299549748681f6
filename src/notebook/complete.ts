import type { AssistContext } from './assist-context.ts';
import { languageAt } from './cell.ts';
import { completeDirective } from './complete-directive.ts';
import { completeLake } from './complete-lake.ts';
import { completeSql } from './complete-sql.ts';
import type { CellLanguage } from './lakebook-file.ts';
import type { CompleteReply } from './protocol.ts';

/** What could stand at an offset of a cell: names of the lake, words of SQL or of the lake language, file paths. */
export async function complete(
  context: AssistContext,
  source: string,
  language: CellLanguage,
  offset: number,
): Promise<CompleteReply> {
  const range = languageAt(source, language, offset);
  const found =
    completeDirective(context, source, language, offset) ??
    (range.language === 'lake'
      ? await completeLake(context, source, range.span, offset)
      : await completeSql(context, source, range.span, offset));
  // A name that has to be quoted is found without its quotes too.
  const bare = (text: string) => text.toLowerCase().replace(/^"/, '');
  const typed = bare(source.slice(found.start, offset));
  const seen = new Set<string>();
  const items = found.items.filter(item => {
    const key = `${item.kind} ${item.label}`;
    if (seen.has(key) || !bare(item.label).startsWith(typed)) return false;
    seen.add(key);
    return true;
  });
  return { ...found, items };
}
