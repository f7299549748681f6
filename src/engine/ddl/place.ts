import type { TextPosition } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import type { Span, SqlText } from '../sql/sql-text.ts';

/** The place of a part of a statement in the text it was parsed from. */
export function placeOf(source: string, span: Span | undefined): TextPosition | undefined {
  if (span === undefined || span.start >= source.length) return undefined;
  return textPosition(source, span.start, Math.max(span.end - span.start, 1));
}

/** The place of a fragment, or of a part of it (offsets in the fragment); undefined for generated text. */
export function placeIn(
  text: SqlText,
  source: string,
  part: Span = { start: 0, end: text.length },
): TextPosition | undefined {
  return placeOf(source, text.sourceSpan(part));
}
