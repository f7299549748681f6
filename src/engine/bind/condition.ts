import {
  alwaysFalse,
  alwaysTrue,
  and,
  type ComparisonOp,
  compare,
  type Expr,
  inSet,
  or,
  unary,
} from '../../iceberg/expression.ts';
import type { NestedField, Type } from '../../iceberg/types.ts';
import { type Comparison, type Constant, comparisonFilter, opposite, swapped } from './comparison.ts';
import type { FunctionStability } from './stability.ts';
import { type Expression, isNode, type Json, nodesOf, type TreeNode, textsOf } from './syntax-tree.ts';

/** What a condition says about a table's columns. `filter` never excludes a row that the condition accepts. */
export interface ConditionFilter {
  readonly filter: Expr;
  /** Whether the filter accepts exactly the rows that the condition accepts. */
  readonly exact: boolean;
}

/** A constant expression that is compared with a column. */
export interface ConstantRequest {
  readonly expression: Expression;
  /** The column's type. */
  readonly type: Type;
  /** It holds functions of the present time, which goes on between planning and running. */
  readonly timeDependent: boolean;
}

/** A condition that waits for its constants' values; undefined for those that couldn't be found out. */
export type PendingFilter = (constants: readonly (Constant | undefined)[]) => ConditionFilter;

/** Says which column of the table a name means; undefined for anything else. */
export type ColumnResolver = (names: readonly string[]) => NestedField | undefined;

const unknown: ConditionFilter = { filter: alwaysTrue, exact: false };
const never: ConditionFilter = { filter: alwaysFalse, exact: true };
const pendingUnknown: PendingFilter = () => unknown;

const comparisons: Readonly<Record<string, Comparison>> = {
  COMPARE_EQUAL: 'eq',
  COMPARE_NOTEQUAL: 'not-eq',
  COMPARE_LESSTHAN: 'lt',
  COMPARE_LESSTHANOREQUALTO: 'lt-eq',
  COMPARE_GREATERTHAN: 'gt',
  COMPARE_GREATERTHANOREQUALTO: 'gt-eq',
};

/** What conditions are read by. */
export interface ConditionRules {
  readonly resolve: ColumnResolver;
  readonly stability: FunctionStability;
  /** Whether a name without qualifiers can't be any column, so that `current_date` is the function. */
  readonly isNoColumn: (name: string) => boolean;
  /** DuckDB's `default_collation`: unless it's empty, texts aren't compared byte by byte as their bounds are. */
  readonly collation: string;
}

/**
 * Reads conditions of DuckDB's syntax tree. NOT is moved inwards while reading, so that what can't be understood
 * makes the filter weaker and never stronger.
 */
export class ConditionReader {
  /** Constants whose values are needed, in the order that PendingFilters number them. */
  readonly requests: ConstantRequest[];
  readonly #rules: ConditionRules;

  constructor(rules: ConditionRules, requests: ConstantRequest[] = []) {
    this.#rules = rules;
    this.requests = requests;
  }

  read(node: TreeNode, negate = false): PendingFilter {
    switch (node.class) {
      case 'CONJUNCTION':
        return this.#conjunction(node, negate);
      case 'COMPARISON':
        return this.#comparison(node, negate);
      case 'BETWEEN':
        return this.#between(node, (node.type === 'COMPARE_NOT_BETWEEN') !== negate);
      case 'OPERATOR':
        return this.#operator(node, negate);
      case 'FUNCTION':
        return this.#function(node, negate);
      case 'COLUMN_REF': {
        const field = this.#column(node);
        if (field?.type.kind !== 'boolean') return pendingUnknown;
        return () => ({ filter: compare('eq', field.id, !negate), exact: true });
      }
      default:
        return this.#truth(node, negate);
    }
  }

  #conjunction(node: TreeNode, negate: boolean): PendingFilter {
    const children = nodesOf(node.children).map(child => this.read(child, negate));
    const isAnd = (node.type === 'CONJUNCTION_AND') !== negate;
    return constants => {
      const parts = children.map(child => child(constants));
      const filters = parts.map(part => part.filter);
      return {
        filter: isAnd ? and(...filters) : or(...filters),
        exact: parts.every(part => part.exact),
      };
    };
  }

  /** A condition without columns: `true`, `1 = 0`, `$flag`. */
  #truth(node: TreeNode, negate: boolean): PendingFilter {
    const constant = this.#constant(node, { kind: 'boolean' });
    if (constant === undefined || this.requests[constant]!.timeDependent) return pendingUnknown;
    return constants => {
      const value = constants[constant];
      if (value === undefined || (value.sourceType !== 'BOOLEAN' && !value.isNull)) return unknown;
      return !value.isNull && value.value === !negate ? { filter: alwaysTrue, exact: true } : never;
    };
  }

  #comparison(node: TreeNode, negate: boolean): PendingFilter {
    const { left, right } = node as { left: TreeNode; right: TreeNode };
    if (node.type === 'COMPARE_DISTINCT_FROM') return this.#distinct(left, right, !negate);
    if (node.type === 'COMPARE_NOT_DISTINCT_FROM') return this.#distinct(left, right, negate);
    const op = comparisons[String(node.type)];
    if (op === undefined) return pendingUnknown;
    return this.#compare(left, negate ? opposite(op) : op, right);
  }

  #compare(left: TreeNode, op: Comparison, right: TreeNode): PendingFilter {
    const column = this.#column(left);
    if (column !== undefined) return this.#columnAgainst(column, op, right);
    const other = this.#column(right);
    if (other !== undefined) return this.#columnAgainst(other, swapped(op), left);
    const date = this.#dateOf(left);
    if (date !== undefined) return this.#dateAgainst(date, op, right);
    const otherDate = this.#dateOf(right);
    if (otherDate !== undefined) return this.#dateAgainst(otherDate, swapped(op), left);
    return pendingUnknown;
  }

  #columnAgainst(field: NestedField, op: Comparison, expression: TreeNode): PendingFilter {
    const constant = this.#constant(expression, field.type);
    if (constant === undefined) return pendingUnknown;
    const { timeDependent } = this.requests[constant]!;
    return constants => {
      const value = constants[constant];
      return value === undefined ? unknown : comparisonFilter(field, op, value, timeDependent);
    };
  }

  /** The timestamp column of `CAST(column AS DATE)`: days are ranges of a timestamp without zone. */
  #dateOf(node: TreeNode): NestedField | undefined {
    if (node.class !== 'CAST' || node.try_cast === true || !isNode(node.child)) return undefined;
    if (!isNode(node.cast_type) || node.cast_type.id !== 'DATE') return undefined;
    const field = this.#column(node.child);
    return field?.type.kind === 'timestamp' ? field : undefined;
  }

  #dateAgainst(field: NestedField, op: Comparison, expression: TreeNode): PendingFilter {
    const date: NestedField = { ...field, type: { kind: 'date' } };
    const pending = this.#columnAgainst(date, op, expression);
    return constants => {
      const { filter, exact } = pending(constants);
      return { filter: daysAsTimestamps(filter), exact };
    };
  }

  #distinct(left: TreeNode, right: TreeNode, distinct: boolean): PendingFilter {
    const field = this.#column(left) ?? this.#column(right);
    if (field === undefined) return pendingUnknown;
    const constant = this.#constant(this.#column(left) === undefined ? left : right, field.type);
    if (constant === undefined) return pendingUnknown;
    const { timeDependent } = this.requests[constant]!;
    return constants => {
      const value = constants[constant];
      if (value === undefined) return unknown;
      if (value.isNull) return { filter: unary(distinct ? 'not-null' : 'is-null', field.id), exact: true };
      const { filter, exact } = comparisonFilter(field, distinct ? 'not-eq' : 'eq', value, timeDependent);
      return { filter: distinct ? or(unary('is-null', field.id), filter) : filter, exact };
    };
  }

  #between(node: TreeNode, negate: boolean): PendingFilter {
    const { input, lower, upper } = node as Record<'input' | 'lower' | 'upper', TreeNode>;
    const parts = [
      this.#compare(input, negate ? 'lt' : 'gt-eq', lower),
      this.#compare(input, negate ? 'gt' : 'lt-eq', upper),
    ];
    return constants => {
      const [a, b] = parts.map(part => part(constants)) as [ConditionFilter, ConditionFilter];
      const filter = negate ? or(a.filter, b.filter) : and(a.filter, b.filter);
      return { filter, exact: a.exact && b.exact };
    };
  }

  #operator(node: TreeNode, negate: boolean): PendingFilter {
    const children = nodesOf(node.children);
    const [first] = children;
    if (first === undefined) return pendingUnknown;
    switch (node.type) {
      case 'OPERATOR_NOT':
        return this.read(first, !negate);
      case 'OPERATOR_IS_NULL':
        return this.#isNull(first, !negate);
      case 'OPERATOR_IS_NOT_NULL':
        return this.#isNull(first, negate);
      case 'COMPARE_IN':
        return this.#in(first, children.slice(1), !negate);
      case 'COMPARE_NOT_IN':
        return this.#in(first, children.slice(1), negate);
      default:
        return this.#truth(node, negate);
    }
  }

  #isNull(node: TreeNode, isNull: boolean): PendingFilter {
    const field = this.#column(node);
    if (field === undefined) return pendingUnknown;
    return () => ({ filter: unary(isNull ? 'is-null' : 'not-null', field.id), exact: true });
  }

  #in(node: TreeNode, items: readonly TreeNode[], isIn: boolean): PendingFilter {
    const field = this.#column(node);
    if (field === undefined) return pendingUnknown;
    const indexes: number[] = [];
    for (const item of items) {
      const index = this.#constant(item, field.type);
      if (index === undefined) return pendingUnknown;
      indexes.push(index);
    }
    if (indexes.some(index => this.requests[index]!.timeDependent)) return pendingUnknown;
    return constants => {
      const values = indexes.map(index => constants[index]);
      if (values.some(value => value === undefined)) return unknown;
      return inFilter(field, values as Constant[], isIn);
    };
  }

  #function(node: TreeNode, negate: boolean): PendingFilter {
    const children = nodesOf(node.children);
    const [first, second] = children;
    if (first === undefined || isPlainFunction(node) === false) return this.#truth(node, negate);
    const name = String(node.function_name).toLowerCase();
    if (name === 'isnan' && children.length === 1) {
      const field = this.#column(first);
      if (field === undefined || !isFloat(field.type)) return pendingUnknown;
      return () => ({ filter: unary(negate ? 'not-nan' : 'is-nan', field.id), exact: true });
    }
    if (second !== undefined && children.length === 2) {
      if (name === '~~' || name === '!~~') return this.#like(first, second, (name === '~~') !== negate);
      if (name === 'starts_with' || name === 'prefix' || name === '^@') {
        return this.#prefix(first, second, !negate, prefix => ({ prefix, rest: 'any' }));
      }
    }
    return this.#truth(node, negate);
  }

  #like(column: TreeNode, pattern: TreeNode, isLike: boolean): PendingFilter {
    return this.#prefix(column, pattern, isLike, text => {
      const wildcard = text.search(/[%_]/);
      if (wildcard < 0) return { prefix: text, rest: 'nothing' };
      const isOpen = /^%+$/.test(text.slice(wildcard));
      return { prefix: text.slice(0, wildcard), rest: isOpen ? 'any' : 'some' };
    });
  }

  #prefix(
    node: TreeNode,
    expression: TreeNode,
    positive: boolean,
    meaning: (text: string) => { prefix: string; rest: 'nothing' | 'any' | 'some' },
  ): PendingFilter {
    const field = this.#column(node);
    if (field?.type.kind !== 'string') return pendingUnknown;
    const constant = this.#constant(expression, field.type);
    if (constant === undefined || this.requests[constant]!.timeDependent) return pendingUnknown;
    return constants => {
      const value = constants[constant];
      if (value === undefined) return unknown;
      if (value.isNull) return never;
      if (value.sourceType !== 'VARCHAR' || typeof value.value !== 'string') return unknown;
      const { prefix, rest } = meaning(value.value);
      const exact = rest !== 'some';
      if (!positive && !exact) return unknown;
      const op: ComparisonOp =
        rest === 'nothing' ? (positive ? 'eq' : 'not-eq') : positive ? 'starts-with' : 'not-starts-with';
      return { filter: compare(op, field.id, prefix), exact };
    };
  }

  #column(node: TreeNode): NestedField | undefined {
    return node.class === 'COLUMN_REF' ? this.#rules.resolve(textsOf(node.column_names)) : undefined;
  }

  /** The number of a request for a constant expression's value; undefined when it isn't constant. */
  #constant(node: TreeNode, type: Type): number | undefined {
    if (!comparableKinds.has(type.kind)) return undefined;
    if (type.kind === 'string' && this.#rules.collation !== '') return undefined;
    const kind = this.#constancy(node);
    if (kind === 'changing') return undefined;
    this.requests.push({ expression: node as Expression, type, timeDependent: kind === 'time' });
    return this.requests.length - 1;
  }

  #constancy(node: TreeNode): 'constant' | 'time' | 'changing' {
    switch (node.class) {
      case 'CONSTANT':
      case 'PARAMETER':
        return 'constant';
      case 'CAST':
      case 'OPERATOR':
      case 'COMPARISON':
      case 'CONJUNCTION':
      case 'BETWEEN':
      case 'CASE':
        return this.#constancyOfChildren(node);
      case 'COLUMN_REF': {
        const names = textsOf(node.column_names);
        const isTime = names.length === 1 && timeWords.has(names[0]!.toLowerCase());
        return isTime && this.#rules.isNoColumn(names[0]!) ? 'time' : 'changing';
      }
      case 'FUNCTION': {
        if (!isPlainFunction(node)) return 'changing';
        const name = String(node.function_name);
        const stability = this.#rules.stability(name);
        if (stability === 'volatile') return 'changing';
        const children = this.#constancyOfChildren(node);
        if (stability === 'time') return children === 'constant' ? 'time' : 'changing';
        // A function of the present may jump with it: only shifts are known to stay near.
        return children === 'time' && !shifts.has(name.toLowerCase()) ? 'changing' : children;
      }
      default:
        return 'changing';
    }
  }

  #constancyOfChildren(node: TreeNode): 'constant' | 'time' | 'changing' {
    const parts = expressionsIn(node).map(child => this.#constancy(child));
    if (parts.includes('changing')) return 'changing';
    if (!parts.includes('time')) return 'constant';
    const keeps = node.class === 'FUNCTION' || (node.class === 'CAST' && isNearCast(node));
    return keeps ? 'time' : 'changing';
  }
}

/** Types that values of columns are compared in. */
const comparableKinds = new Set<string>([
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'decimal',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'timestamp_ns',
  'string',
  'uuid',
  'binary',
  'fixed',
]);

/** SQL's functions of the present time that are written without parentheses. */
const timeWords = new Set(['current_date', 'current_timestamp', 'localtimestamp']);

/** Functions that give a moment near to another one when their argument moves a little. */
const shifts = new Set(['+', '-']);

/** Casts between days and moments move by less than a day (the margin that comparisons leave). */
function isNearCast(node: TreeNode): boolean {
  const id = isNode(node.cast_type) ? String(node.cast_type.id) : '';
  return id === 'DATE' || id.startsWith('TIMESTAMP');
}

/** Neither an aggregate or window with clauses of its own nor DISTINCT. */
function isPlainFunction(node: TreeNode): boolean {
  return node.filter === undefined && node.distinct !== true && node.catalog === undefined;
}

function isFloat(type: Type): boolean {
  return type.kind === 'float' || type.kind === 'double';
}

/** The nodes directly below an expression that are expressions themselves. */
function expressionsIn(node: TreeNode): TreeNode[] {
  const found: TreeNode[] = [];
  const add = (value: Json): void => {
    if (Array.isArray(value)) {
      for (const item of value) add(item);
    } else if (isNode(value)) {
      if (typeof value.class === 'string') found.push(value);
      else for (const child of Object.values(value)) add(child);
    }
  };
  for (const [key, value] of Object.entries(node)) {
    if (key !== 'value' && key !== 'cast_type') add(value);
  }
  return found;
}

/** IN compares everything in one type, so the items' types must not pull each other into another one. */
function inFilter(field: NestedField, values: readonly Constant[], isIn: boolean): ConditionFilter {
  const present = values.filter(value => !value.isNull);
  if (present.length < values.length && !isIn) return never;
  const literals = present.filter(value => value.isTextLiteral).length;
  if (field.type.kind !== 'string' && literals > 0 && literals < present.length) return unknown;
  const types = new Set(present.map(value => value.sourceType));
  if (types.size > 1 && !isFloat(field.type) && (types.has('DOUBLE') || types.has('FLOAT'))) return unknown;
  const parts = present.map(value => comparisonFilter(field, isIn ? 'eq' : 'not-eq', value, false));
  if (parts.some(part => part.filter.op === 'true' && !part.exact)) return unknown;
  const exact = parts.every(part => part.exact);
  const plain = parts.flatMap(({ filter }) =>
    filter.op === 'eq' || filter.op === 'not-eq' ? [filter.value] : [],
  );
  const others = parts.flatMap(({ filter }) =>
    filter.op === 'eq' || filter.op === 'not-eq' ? [] : [filter],
  );
  const set = plain.length === 0 ? [] : [inSet(isIn ? 'in' : 'not-in', field.id, plain)];
  return { filter: isIn ? or(...set, ...others) : and(...set, ...others), exact };
}

const microsPerDay = 86_400_000_000n;

/** Turns comparisons of days into comparisons of the timestamps that fall on them. */
function daysAsTimestamps(filter: Expr): Expr {
  switch (filter.op) {
    case 'and':
    case 'or': {
      const parts = [daysAsTimestamps(filter.left), daysAsTimestamps(filter.right)];
      return filter.op === 'and' ? and(...parts) : or(...parts);
    }
    case 'eq':
    case 'not-eq':
    case 'lt':
    case 'lt-eq':
    case 'gt':
    case 'gt-eq': {
      const { fieldId } = filter;
      const start = BigInt(filter.value as number) * microsPerDay;
      const end = start + microsPerDay;
      switch (filter.op) {
        case 'lt':
          return compare('lt', fieldId, start);
        case 'lt-eq':
          return compare('lt', fieldId, end);
        case 'gt':
          return compare('gt-eq', fieldId, end);
        case 'gt-eq':
          return compare('gt-eq', fieldId, start);
        case 'eq':
          return and(compare('gt-eq', fieldId, start), compare('lt', fieldId, end));
        default:
          return or(compare('lt', fieldId, start), compare('gt-eq', fieldId, end));
      }
    }
    default:
      return filter;
  }
}
