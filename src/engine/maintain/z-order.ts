import { ValidationError } from '../../iceberg/errors.ts';
import type { NestedField } from '../../iceberg/types.ts';
import { isPrimitive } from '../../iceberg/types.ts';
import { quoteIdentifier } from '../quote.ts';

/** Bits of a position on the curve; they have to fit into a BIGINT. */
const curveBits = 62;
const mostBitsOfColumn = 16;

/**
 * A SQL expression whose order is a Z-order curve through some columns: rows near each other in any of them come near
 * each other in the files. Each column counts by its rank among all rows, so skewed and long values (texts that begin
 * alike) are spread as well as even ones. Holds windows: it may stand in a SELECT list or ORDER BY.
 * @throws ValidationError for fewer than two columns, or columns without an order
 */
export function zOrderSql(fields: readonly NestedField[]): string {
  if (fields.length < 2) {
    throw new ValidationError('A Z-order needs two columns at least.', {
      hint: 'Sort by the column instead.',
    });
  }
  const nested = fields.find(field => !isPrimitive(field.type));
  if (nested !== undefined) {
    throw new ValidationError(`Rows can't be ordered by "${nested.name}": its type has no order.`);
  }
  const bits = Math.min(mostBitsOfColumn, Math.floor(curveBits / fields.length));
  const ranks = fields.map(({ name }) => {
    const rank = `rank() OVER (ORDER BY ${quoteIdentifier(name)} NULLS FIRST)`;
    return `(((${rank} - 1) * ${2 ** bits}) // count(*) OVER ())`;
  });
  const terms: string[] = [];
  for (let bit = 0; bit < bits; bit++) {
    for (const [index, rank] of ranks.entries()) {
      const place = bit * fields.length + (fields.length - 1 - index);
      terms.push(`(((${rank} >> ${bit}) & 1) << ${place})`);
    }
  }
  return terms.join(' | ');
}
