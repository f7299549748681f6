import { type Expression, isNode, type Json, nodesOf, type TreeNode, textsOf } from './syntax-tree.ts';

/** A name in a FROM clause that isn't a common table expression's. */
export interface TableReference {
  /** Catalog, schema and table, as far as written. */
  readonly parts: readonly string[];
  /** Where the name begins in the parsed text (UTF-16 offset). */
  readonly offset: number;
  readonly alias?: string;
  readonly columnAliases: readonly string[];
}

/** One relation of a FROM clause. */
export interface FromLeaf {
  /** Absent: a sub-query, table function, common table expression ..., whose columns aren't known here. */
  readonly reference?: TableReference;
  /** What qualifies its columns; absent when it has no name. */
  readonly alias?: string;
}

/** The FROM clause of one SELECT. */
export interface FromClause {
  readonly leaves: FromLeaf[];
  /** Columns that joins merge (USING), in lower case; everything may be merged by a NATURAL join. */
  readonly using: Set<string>;
  natural: boolean;
  /** Whether merged columns are simply the left one's: no join puts nulls in place of its left side's rows. */
  leftMeant: boolean;
  /** Whether the SELECT takes columns otherwise than by their names: `*`, COLUMNS(...), `#1`. */
  star: boolean;
  /** Of the query around it, whose columns can be seen too. */
  readonly outer: FromClause | undefined;
}

/** A condition that every row of the relations must meet, or it isn't used. */
export interface Restriction {
  readonly condition: Expression;
  readonly from: FromClause;
  /** The relations whose rows may be left out when they don't meet the condition. */
  readonly targets: readonly Target[];
}

export interface Target {
  readonly leaf: FromLeaf;
  /**
   * An outer join may put nulls in place of the relation's rows: leaving out a row then makes such a row of nulls,
   * so only conditions that nulls don't meet may be used.
   */
  readonly nullable: boolean;
}

/** A column name with its qualifiers, and the FROM clause it's looked up in. */
export interface ColumnReference {
  readonly names: readonly string[];
  readonly offset: number;
  readonly from: FromClause;
}

/** A column of a SELECT list that has no alias, and a sub-query in its expression. */
export interface UnnamedColumn {
  /** Where the (first) sub-query begins. */
  readonly subquery: number;
  readonly tables: readonly TableReference[];
}

/** A `*` of a SELECT list that names columns beside it. */
export interface StarReference {
  /** Where it begins: at the star, or at the relation's name before it. */
  readonly offset: number;
  readonly relation?: string;
  /** Columns that it leaves out, and those that stand in the same list, in lower case. */
  readonly excluded: readonly string[];
  readonly beside: readonly string[];
  readonly from: FromClause;
}

export interface QueryReferences {
  readonly tables: readonly TableReference[];
  readonly clauses: readonly FromClause[];
  readonly restrictions: readonly Restriction[];
  /** Those of three parts and more: a schema may be among their qualifiers. */
  readonly columns: readonly ColumnReference[];
  readonly unnamed: readonly UnnamedColumn[];
  readonly stars: readonly StarReference[];
  /** Every part of every column's name in the query, in lower case. */
  readonly columnNames: ReadonlySet<string>;
  /** The last parts of the columns' names. */
  readonly lastNames: ReadonlySet<string>;
}

/** Everything in a query's tree that names a table, with the conditions on it. */
export function findReferences(root: TreeNode): QueryReferences {
  const walk = new Walk();
  walk.visit(root, { ctes: new Set(), from: undefined });
  return walk;
}

interface Scope {
  /** Names of common table expressions, lower case. */
  readonly ctes: ReadonlySet<string>;
  readonly from: FromClause | undefined;
}

const queryNodes = new Set(['SELECT_NODE', 'SET_OPERATION_NODE', 'RECURSIVE_CTE_NODE', 'CTE_NODE']);

/** Joins that keep the rows of their left side as they are. */
const leftJoins = new Set(['INNER', 'LEFT', 'SEMI', 'ANTI']);

/** A leaf of the FROM clause under construction. */
interface VisitedLeaf extends FromLeaf {
  nullable: boolean;
  /** Its rows may not be left out because of conditions from outside. */
  closed: boolean;
}

class Walk implements QueryReferences {
  readonly tables: TableReference[] = [];
  readonly clauses: FromClause[] = [];
  readonly restrictions: Restriction[] = [];
  readonly columns: ColumnReference[] = [];
  readonly unnamed: UnnamedColumn[] = [];
  readonly stars: StarReference[] = [];
  readonly columnNames = new Set<string>();
  readonly lastNames = new Set<string>();

  visit(value: Json, scope: Scope): void {
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, scope);
      return;
    }
    if (!isNode(value)) return;
    const type = value.type;
    if (typeof type === 'string') {
      if (queryNodes.has(type)) this.#visitQuery(value, scope);
      else if (type === 'BASE_TABLE') this.#table(value, scope);
      else if (type === 'COLUMN_REF') this.#column(value, scope);
      else if (isPlainExists(value)) this.#visitChildren(withoutSelectList(value), scope);
      else {
        if ((type === 'STAR' || type === 'POSITIONAL_REFERENCE') && scope.from !== undefined)
          scope.from.star = true;
        this.#visitChildren(value, scope);
      }
    } else this.#visitChildren(value, scope);
  }

  #visitChildren(node: TreeNode, scope: Scope, except: readonly string[] = []): void {
    for (const [key, child] of Object.entries(node)) {
      if (typeof child === 'object' && !except.includes(key)) this.visit(child, scope);
    }
  }

  #visitQuery(node: TreeNode, outer: Scope): void {
    let scope = outer;
    const withCte = (name: string) => ({ ...scope, ctes: new Set([...scope.ctes, name.toLowerCase()]) });
    for (const entry of nodesOf(isNode(node.cte_map) ? node.cte_map.map : undefined)) {
      // A common table expression sees those before it; itself only when it is recursive.
      this.visit(entry.value, scope);
      scope = withCte(String(entry.key));
    }
    if (node.type === 'RECURSIVE_CTE_NODE') scope = withCte(String(node.cte_name));
    if (node.type === 'CTE_NODE') {
      this.visit(node.query, scope);
      scope = withCte(String(node.cte_name));
      this.#visitChildren(node, scope, ['query', 'cte_map']);
      return;
    }
    if (node.type === 'SELECT_NODE') this.#visitSelect(node, scope);
    else this.#visitChildren(node, scope, ['cte_map']);
  }

  #visitSelect(node: TreeNode, scope: Scope): void {
    const from: FromClause = {
      leaves: [],
      using: new Set(),
      natural: false,
      leftMeant: true,
      star: false,
      outer: scope.from,
    };
    this.clauses.push(from);
    const inner: Scope = { ctes: scope.ctes, from };
    const leaves = isNode(node.from_table) ? this.#visitFrom(node.from_table, inner, from) : [];
    this.#restrict(node.where_clause, from, leaves);
    const items = nodesOf(node.select_list);
    for (const item of items) this.#visitItem(item as Expression, inner);
    this.#stars(items, from);
    this.#visitChildren(node, inner, ['cte_map', 'from_table', 'select_list']);
  }

  #visitItem(item: Expression, scope: Scope): void {
    const before = this.tables.length;
    this.visit(item, scope);
    const tables = this.tables.slice(before);
    if (tables.length === 0 || textOf(item.alias) !== undefined || has(item, 'STAR')) return;
    const subquery = has(item, 'SUBQUERY')?.query_location;
    if (typeof subquery === 'number') this.unnamed.push({ subquery, tables });
  }

  #stars(items: readonly TreeNode[], from: FromClause): void {
    const beside = items
      .filter(item => item.type === 'COLUMN_REF')
      .flatMap(item => textsOf(item.column_names).slice(-1));
    if (beside.length === 0) return;
    for (const item of items) {
      if (item.type !== 'STAR' || item.columns === true || typeof item.query_location !== 'number') continue;
      const lower = (names: readonly string[]) => names.map(name => name.toLowerCase());
      this.stars.push({
        offset: item.query_location,
        ...(typeof item.relation_name === 'string' && item.relation_name !== ''
          ? { relation: item.relation_name }
          : {}),
        excluded: lower(textsOf(item.exclude_list)),
        beside: lower(beside),
        from,
      });
    }
  }

  #restrict(condition: Json, from: FromClause, leaves: readonly VisitedLeaf[]): void {
    if (!isNode(condition)) return;
    const targets = leaves
      .filter(leaf => leaf.reference !== undefined && !leaf.closed)
      .map(leaf => ({ leaf, nullable: leaf.nullable }));
    if (targets.length > 0) this.restrictions.push({ condition: condition as Expression, from, targets });
  }

  #visitFrom(node: TreeNode, scope: Scope, from: FromClause): VisitedLeaf[] {
    if (node.type === 'JOIN') return this.#visitJoin(node, scope, from);
    let leaf: VisitedLeaf;
    if (node.type === 'BASE_TABLE') {
      const reference = this.#table(node, scope);
      const alias = textOf(node.alias) ?? textOf(node.table_name);
      // A sample is taken before conditions are looked at.
      leaf = { reference, alias, nullable: false, closed: node.sample !== undefined };
    } else {
      this.#visitChildren(node, scope);
      leaf = { alias: textOf(node.alias), nullable: false, closed: true };
    }
    if (node.type !== 'EMPTY') from.leaves.push(leaf);
    return [leaf];
  }

  #visitJoin(node: TreeNode, scope: Scope, from: FromClause): VisitedLeaf[] {
    const left = this.#visitFrom(node.left as TreeNode, scope, from);
    const right = this.#visitFrom(node.right as TreeNode, scope, from);
    const { condition } = node;
    const type = String(node.join_type ?? 'INNER');
    const kind = String(node.ref_type ?? 'REGULAR');
    for (const name of textsOf(node.using_columns)) from.using.add(name.toLowerCase());
    if (kind === 'NATURAL') from.natural = true;
    if (!leftJoins.has(type)) from.leftMeant = false;
    if (isNode(condition)) this.visit(condition, scope);
    if (kind === 'POSITIONAL') {
      // Rows are matched by their numbers.
      close(left);
      close(right);
      return [...left, ...right];
    }
    const isPlain = kind !== 'ASOF';
    // The nearest row is looked for among all of them.
    if (!isPlain) close(right);
    switch (type) {
      case 'INNER':
        if (isPlain) this.#restrict(condition, from, [...left, ...right]);
        break;
      case 'LEFT':
        if (isPlain) this.#restrict(condition, from, right);
        makeNullable(right);
        break;
      case 'RIGHT':
        if (isPlain) this.#restrict(condition, from, left);
        makeNullable(left);
        break;
      case 'SEMI':
        this.#restrict(condition, from, [...left, ...right]);
        close(right);
        break;
      case 'ANTI':
        this.#restrict(condition, from, right);
        close(right);
        break;
      case 'FULL':
      case 'OUTER':
        makeNullable(left);
        makeNullable(right);
        break;
      default:
        close(left);
        close(right);
    }
    return [...left, ...right];
  }

  #table(node: TreeNode, scope: Scope): TableReference | undefined {
    const parts = [node.catalog_name, node.schema_name, node.table_name]
      .map(textOf)
      .filter(part => part !== undefined);
    if (parts.length === 1 && scope.ctes.has(parts[0]!.toLowerCase())) return undefined;
    if (typeof node.query_location !== 'number') return undefined;
    const reference: TableReference = {
      parts,
      offset: node.query_location,
      alias: textOf(node.alias),
      columnAliases: textsOf(node.column_name_alias),
    };
    this.tables.push(reference);
    return reference;
  }

  #column(node: TreeNode, scope: Scope): void {
    const names = textsOf(node.column_names);
    for (const name of names) this.columnNames.add(name.toLowerCase());
    if (names.length > 0) this.lastNames.add(names.at(-1)!.toLowerCase());
    if (names.length < 3 || scope.from === undefined || typeof node.query_location !== 'number') return;
    this.columns.push({ names, offset: node.query_location, from: scope.from });
  }
}

/** `EXISTS (SELECT * FROM ...)` asks for rows and reads no column for its `*`. */
function isPlainExists(node: TreeNode): boolean {
  if (node.class !== 'SUBQUERY' || node.subquery_type !== 'EXISTS') return false;
  const query = isNode(node.subquery) ? node.subquery.node : undefined;
  if (!isNode(query) || query.type !== 'SELECT_NODE') return false;
  const [item, ...others] = nodesOf(query.select_list);
  const isStar = item?.type === 'STAR' && Object.keys(item).every(key => plainStarKeys.has(key));
  const isPlain = query.modifiers === undefined && query.group_expressions === undefined;
  return isStar && isPlain && others.length === 0;
}

const plainStarKeys = new Set(['class', 'type', 'query_location', 'relation_name']);

function withoutSelectList(exists: TreeNode): TreeNode {
  const subquery = exists.subquery as TreeNode;
  return { ...exists, subquery: { ...subquery, node: { ...(subquery.node as TreeNode), select_list: [] } } };
}

/** The first expression of a class in an expression; what is in sub-queries doesn't count. */
function has(value: Json, expressionClass: string): TreeNode | undefined {
  if (Array.isArray(value)) {
    for (const item of value) {
      const found = has(item, expressionClass);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isNode(value)) return undefined;
  if (value.class === expressionClass) return value;
  return has(value.class === 'SUBQUERY' ? value.child : Object.values(value), expressionClass);
}

function close(leaves: readonly VisitedLeaf[]): void {
  for (const leaf of leaves) leaf.closed = true;
}

function makeNullable(leaves: readonly VisitedLeaf[]): void {
  for (const leaf of leaves) leaf.nullable = true;
}

function textOf(value: Json): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
