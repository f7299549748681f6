import type { TableIdentifier } from '../catalog/catalog.ts';
import { formatNamespace, parseIdentifier } from '../catalog/identifiers.ts';
import { quoteIdentifier } from '../engine/quote.ts';
import type { EngineSession } from '../engine/session.ts';

/** The table that a name as in SQL means: `sales`, `ns.sales`, `lake.ns.sales`. @throws ValidationError */
export function tableNamed(name: string, session: EngineSession): TableIdentifier {
  const { namespace, name: table } = parseIdentifier(name, session.namespace);
  const [first, ...rest] = namespace;
  return first === session.lake.name && rest.length > 0
    ? { namespace: rest, name: table }
    : { namespace, name: table };
}

/** The shortest name that means a table in SQL, quoted where it has to be. */
export function tableNameInSql({ namespace, name }: TableIdentifier, session: EngineSession): string {
  const isHere = formatNamespace(namespace) === formatNamespace(session.namespace);
  return isHere ? sqlName(name) : `${sqlName(formatNamespace(namespace))}.${sqlName(name)}`;
}

/** A name that would be read as something else in some place, and so is always quoted. */
const reserved = new Set(
  'all and any array as asc both case cast check collate column constraint create default deferrable desc describe distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral leading limit not null offset on only or order pivot placing primary qualify references returning select show some summarize symmetric table then to trailing true union unique unpivot using variadic when where window with'.split(
    ' ',
  ),
);

/** A name as SQL takes it, quoted only where it has to be. */
export function sqlName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !reserved.has(name.toLowerCase())
    ? name
    : quoteIdentifier(name);
}
