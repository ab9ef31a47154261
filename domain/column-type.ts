/** The types that a table can have, each of which Parquet, Iceberg, Glue, Redshift and MySQL know. */
export type ColumnType =
  | TextType
  | { readonly kind: 'int32' | 'int64' | 'double' | 'boolean' | 'date' | 'timestamp' | 'binary' }
  | DecimalType
  | { readonly kind: 'list'; readonly element: ColumnType; readonly nullable: boolean }
  | MapType
  | { readonly kind: 'struct'; readonly fields: readonly Column[] };

export interface TextType {
  readonly kind: 'string';
  /** How many characters it has at most, if the dataset says so; MySQL can then have it in an index. */
  readonly length?: number;
  /** Whether it is a text of JSON. */
  readonly json?: true;
  /**
   * Whether it is a time of the day. Neither Athena nor Redshift Spectrum reads Iceberg's type `time`
   * ("Supported data types"), so that the lake has its text.
   */
  readonly time?: true;
}

/** Values by names, which are texts. */
export interface MapType {
  readonly kind: 'map';
  readonly value: ColumnType;
  readonly nullable: boolean;
}

/** The types whose values have values. */
export type NestedKind = 'list' | 'struct' | 'map';

export function isNested({ kind }: ColumnType): boolean {
  return kind === 'list' || kind === 'struct' || kind === 'map';
}

/** A number with so many digits, so many of them after the point. */
export interface DecimalType {
  readonly kind: 'decimal';
  readonly precision: number;
  readonly scale: number;
}

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /**
   * Whether equal values follow one another, in long runs: a file of Parquet has each of them once, and its
   * statistics have them whole.
   */
  readonly inRuns?: true;
}
