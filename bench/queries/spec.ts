/** What an engine is asked in a benchmark of queries, as a JSON file that is handed to its process. */
export interface QuerySpec {
  /** Folder of the lake that holds the tables. */
  readonly lake: string;
  /** Tables by name: the address of their Iceberg metadata file and the pattern of their plain Parquet files. */
  readonly tables: Readonly<Record<string, { readonly metadata: string; readonly parquet: string }>>;
  readonly queries: readonly string[];
  /** Runs of each query, one after the other in one session. The first is the cold one. */
  readonly repeats: number;
  readonly threads: number;
}

/** What it answers, as the last line of its output. */
export interface QueryTimes {
  /** Seconds of each run of each query; none of a query that the engine can't run. */
  readonly seconds: readonly (readonly number[])[];
  /** Number of rows of each query; null where it can't be run. */
  readonly answers: readonly (number | null)[];
  /** Most resident memory of the process. */
  readonly peakMiB: number;
  readonly version: string;
}
