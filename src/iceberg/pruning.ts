import type { DataFile } from './datafile.ts';
import { CorruptFileError } from './errors.ts';
import {
  inclusiveMetrics,
  inclusivePartition,
  manifestMightMatch,
  metricsCoverage,
  partitionGetter,
} from './evaluate.ts';
import { alwaysFalse, type Expr, evaluateRow, type Predicate } from './expression.ts';
import { knownPartitionTypes } from './manifest.ts';
import type { ManifestFile } from './manifest-list.ts';
import type { TableMetadata } from './metadata.ts';
import { type PartitionSpec, sourceType } from './partition.ts';
import { type Coverage, type Projection, projectInclusive, projectPredicate, residual } from './project.ts';
import type { Schema } from './schema.ts';
import { transformResultType } from './transform.ts';
import type { StructType, Type, Value } from './types.ts';

interface ProjectedSpec {
  /** The spec's fields that tell something. */
  readonly spec: PartitionSpec;
  /** Of all fields, in the order of the files' partition values. */
  readonly type: StructType;
  /** The filter in terms of the spec's partition values; a row's match implies its partition's match. */
  readonly filter: Expr;
  readonly predicates: Map<Predicate, Projection>;
}

/**
 * One row filter, applied to manifests by their partition summaries and to files by their partition values and
 * metrics; projected once onto each partition spec that occurs. Answers are inclusive: what has a matching row
 * is never turned down.
 */
export class Pruning {
  readonly #metadata: TableMetadata;
  readonly #schema: Schema;
  readonly #filter: Expr;
  readonly #specs = new Map<number, ProjectedSpec>();

  constructor(metadata: TableMetadata, schema: Schema, filter: Expr) {
    this.#metadata = metadata;
    this.#schema = schema;
    this.#filter = filter;
  }

  /**
   * Whether a manifest may list files with matching rows (or deletes for such files).
   * @throws CorruptFileError when the table's metadata doesn't have the manifest's partition spec
   */
  manifestMightMatch(manifest: ManifestFile): boolean {
    const projected = this.#projected(manifest.partitionSpecId, manifest.manifestPath);
    return manifestMightMatch(projected.filter, projected.type, manifest.partitions);
  }

  /** Whether a file may have matching rows. @throws CorruptFileError as manifestMightMatch */
  fileMightMatch(file: DataFile): boolean {
    return this.partitionMightMatch(file) && inclusiveMetrics(this.#filter, this.#schema, file);
  }

  /**
   * Whether a file's partition may have matching rows. Delete files are chosen by this alone: deletes of rows
   * that don't match count too for who writes what is left of a data file.
   */
  partitionMightMatch(file: DataFile): boolean {
    const projected = this.#projected(file.specId, file.filePath);
    return inclusivePartition(projected.filter, projected.type, file.partition);
  }

  /**
   * What is left of the filter for a file's rows, by its partition values and metrics: it selects the same of
   * them as the filter does. `true`: the filter selects every row (is neither false nor null for any); `false`:
   * it selects none, as wherever fileMightMatch says so. Has no `not`. @throws CorruptFileError as manifestMightMatch
   */
  residual(file: DataFile): Expr {
    if (file.recordCount === 0) return alwaysFalse;
    const { type, spec, predicates } = this.#projected(file.specId, file.filePath);
    const get = partitionGetter(type, file.partition);
    return residual(this.#filter, predicate => {
      let projection = predicates.get(predicate);
      if (projection === undefined) {
        projection = projectPredicate(predicate, spec, this.#schema);
        predicates.set(predicate, projection);
      }
      const coverage = partitionCoverage(projection, get);
      return coverage === 'some' ? metricsCoverage(predicate, this.#schema, file) : coverage;
    });
  }

  #projected(specId: number, location: string): ProjectedSpec {
    const known = this.#specs.get(specId);
    if (known !== undefined) return known;
    const spec = this.#metadata.partitionSpecs.find(s => s.specId === specId);
    if (spec === undefined) {
      throw new CorruptFileError(
        location,
        `it belongs to partition spec ${specId}, which the table's metadata does not have.`,
      );
    }
    const types = knownPartitionTypes(spec, this.#metadata);
    const usable: PartitionSpec = {
      specId,
      fields: spec.fields.filter((field, i) => {
        const expected = transformResultType(field.transform, sourceType(field, this.#schema));
        return types[i] !== undefined && comparable(types[i], expected);
      }),
    };
    const projected: ProjectedSpec = {
      spec: usable,
      type: {
        kind: 'struct',
        fields: spec.fields.map((field, i) => ({
          id: field.fieldId,
          name: field.name,
          required: false,
          type: types[i] ?? { kind: 'unknown' },
        })),
      },
      filter: projectInclusive(this.#filter, usable, this.#schema),
      predicates: new Map(),
    };
    this.#specs.set(specId, projected);
    return projected;
  }
}

function partitionCoverage(projection: Projection, get: (fieldId: number) => Value | null): Coverage {
  if (evaluateRow(projection.strict, get) === true) return 'all';
  return evaluateRow(projection.inclusive, get) === true ? 'some' : 'none';
}

/**
 * Whether values of the two types compare as they are in memory. Partition values have the newest type of their
 * column, the filter's values that of the schema scanned with, which may be older.
 */
function comparable(a: Type, b: Type): boolean {
  if (a.kind === 'decimal') return b.kind === 'decimal' && a.scale === b.scale;
  return family(a) === family(b);
}

function family(type: Type): string {
  if (type.kind === 'long') return 'int';
  return type.kind === 'double' ? 'float' : type.kind;
}
