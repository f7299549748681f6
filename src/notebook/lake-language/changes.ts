import type { ColumnPlace, EvolveChange } from '../../lake/requests.ts';
import { compileSyntax, type Element } from './syntax.ts';

/** A column of `create`. */
export const columnDefinitionSyntax =
  '<name:new-column> <type:type> {@required not null}{null}{comment <comment:text>}';
export const columnDefinition: Element = compileSyntax(columnDefinitionSyntax);

/** One kind of change that `evolve` makes. */
export interface EvolveForm {
  readonly syntax: string;
  readonly about: string;
  readonly element: Element;
  change(values: Readonly<Record<string, unknown>>): EvolveChange;
}

function form<T>(syntax: string, about: string, change: (values: T) => EvolveChange): EvolveForm {
  return {
    syntax,
    about,
    element: compileSyntax(syntax),
    change: values => change(values as unknown as T),
  };
}

interface Place {
  readonly first?: boolean;
  readonly after?: string;
  readonly before?: string;
}

function place(values: Place): ColumnPlace | undefined {
  if (values.first) return { kind: 'first' };
  if (values.after !== undefined) return { kind: 'after', column: values.after };
  return values.before === undefined ? undefined : { kind: 'before', column: values.before };
}

const placeSyntax = '@first first | after <after:column> | before <before:column>';

/** In the order in which they are tried: more special ones first. */
export const evolveForms: readonly EvolveForm[] = [
  form<{ field: string }>('add partition [field] <field:field>', 'Adds a partition field.', ({ field }) => ({
    kind: 'add-partition-field',
    field,
  })),
  form<{ field: string }>(
    'drop partition [field] <field:field>',
    'Removes a partition field.',
    ({ field }) => ({
      kind: 'drop-partition-field',
      field,
    }),
  ),
  form<{ fields: string[] }>(
    'partition by <fields:fields>',
    'Sets the whole partitioning, for files written from now on; () for none.',
    ({ fields }) => ({ kind: 'partition-by', fields }),
  ),
  form<{ fields: string[] }>(
    'sort by <fields:fields>',
    'Sets the write order; () for none.',
    ({ fields }) => ({
      kind: 'sort-by',
      fields,
    }),
  ),
  form<{ to: string }>('rename table to <to:new-table>', 'Renames the table.', ({ to }) => ({
    kind: 'rename-table',
    to,
  })),
  form<{ column: string; type: string; comment?: string } & Place>(
    `add [column] <column:new-column> <type:type> {comment <comment:text>}{${placeSyntax}}`,
    'Adds a column; rows written before answer NULL.',
    values => ({
      kind: 'add',
      column: values.column,
      type: values.type,
      comment: values.comment,
      place: place(values),
    }),
  ),
  form<{ column: string }>(
    'drop [column] <column:column>',
    'Removes a column; older snapshots keep it.',
    ({ column }) => ({
      kind: 'drop',
      column,
    }),
  ),
  form<{ column: string; to: string }>(
    'rename [column] <column:column> to <to:new-column>',
    'Renames a column without touching a file.',
    ({ column, to }) => ({ kind: 'rename', column, to }),
  ),
  form<{ column: string; type: string }>(
    'widen [column] <column:column> to <type:type>',
    'Gives a column a wider type: int to long, float to double, more digits of a decimal.',
    ({ column, type }) => ({ kind: 'widen', column, type }),
  ),
  form<{ column: string } & Place>(
    `move [column] <column:column> (${placeSyntax})`,
    'Moves a column.',
    values => ({ kind: 'move', column: values.column, place: place(values)! }),
  ),
  form<{ column: string }>('optional <column:column>', 'Lets a required column be NULL.', ({ column }) => ({
    kind: 'optional',
    column,
  })),
  form<{ column: string }>('required <column:column>', 'Makes a column required.', ({ column }) => ({
    kind: 'required',
    column,
  })),
  form<{ column: string; comment: string }>(
    'comment [on] <column:column> <comment:text>',
    "Sets a column's comment.",
    ({ column, comment }) => ({ kind: 'comment', column, comment }),
  ),
  form<{ columns: string[] }>('key <columns:columns>', 'Sets the identifier columns.', ({ columns }) => ({
    kind: 'key',
    columns,
  })),
  form<{ properties: Record<string, string> }>(
    'set <properties:properties>',
    'Sets table properties.',
    ({ properties }) => ({ kind: 'set', properties }),
  ),
  form<{ keys: string[] }>('unset <keys:keys>', 'Removes table properties.', ({ keys }) => ({
    kind: 'unset',
    keys,
  })),
];
