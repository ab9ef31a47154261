import { randomUUID } from 'node:crypto';
import type { Column } from '../../../domain/columns.ts';
import {
  type Renames,
  type SchemaState,
  sameFields,
  schemaAfter,
} from '../../../domain/tables/schema/schema-after.ts';
import { NO_PARTITION_ID, sortOrderAfter, specAfter, unsorted } from '../schema/partition-spec.ts';
import { type LocatedMetadata, type NextMetadata, nextMetadata } from './files.ts';
import { currentSchema, type TableMetadata } from './metadata.ts';

/** What a dataset says of its table. */
export interface TableLayout {
  readonly columns: readonly Column[];
  /** The schema that was recorded for these columns, if the table is not to give ids by itself. */
  readonly recorded?: SchemaState;
  /** Names of columns, outermost first. */
  readonly partitionBy: readonly string[];
  /** The columns by which the rows of a file are sorted. */
  readonly sortBy?: readonly string[];
  readonly renames?: Renames;
  /** Added to the table's. */
  readonly properties?: Readonly<Record<string, string>>;
}

interface Moment {
  /** Milliseconds. */
  readonly now: number;
  /** Of the new file's name; a new one for each attempt. */
  readonly uuid?: string;
}

/** The first metadata of a table. @param location its folder's URI @throws {Error} see `schemaAfter` */
export function createTable(
  {
    location,
    layout,
    tableUuid = randomUUID(),
  }: { location: string; layout: TableLayout; tableUuid?: string },
  { now, uuid = randomUUID() }: Moment,
): NextMetadata {
  const state = layout.recorded ?? schemaAfter(undefined, layout.columns);
  const empty: TableMetadata = {
    'format-version': 2,
    'table-uuid': tableUuid,
    location: location.replace(/\/+$/, ''),
    'last-sequence-number': 0,
    'last-updated-ms': now,
    'last-column-id': state.lastColumnId,
    schemas: [state.schema],
    'current-schema-id': state.schema['schema-id'],
    'partition-specs': [],
    'default-spec-id': 0,
    'last-partition-id': NO_PARTITION_ID,
    'sort-orders': [unsorted],
    'default-sort-order-id': 0,
    properties: {
      'write.format.default': 'parquet',
      'write.parquet.compression-codec': 'zstd',
      ...layout.properties,
    },
    'current-snapshot-id': undefined,
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    refs: {},
  };
  return nextMetadata(undefined, withPartitions(empty, state, layout), { now, uuid });
}

/**
 * The metadata of a table that becomes as its dataset is now: columns, partitions, sort order, properties.
 * Its rows stay as they are.
 *
 * @returns `undefined` if it is so already
 * @throws {Error} see `schemaAfter`; or that names a column of which the table's partitions are made
 */
export function evolveTable(
  base: LocatedMetadata,
  layout: TableLayout,
  { now, uuid = randomUUID() }: Moment,
): NextMetadata | undefined {
  const { metadata } = base;
  const schema = currentSchema(metadata);
  const state = { schema, lastColumnId: metadata['last-column-id'] };
  // Files of newer code have columns that older code does not know.
  const isBehind =
    layout.recorded !== undefined && schema['schema-id'] >= layout.recorded.schema['schema-id'];
  const after = isBehind ? state : (layout.recorded ?? schemaAfter(state, layout.columns, layout.renames));
  refuseLostPartitions(metadata, state, after);
  // An equal schema is used again, as the format's own library does.
  const equal = metadata.schemas.find((each) => sameFields(each, after.schema));
  const next = Math.max(...metadata.schemas.map((each) => each['schema-id'])) + 1;
  const id = layout.recorded?.schema['schema-id'] ?? next;
  const current = equal ?? { ...after.schema, 'schema-id': id };
  const withSchema: TableMetadata = {
    ...metadata,
    schemas: equal === undefined ? [...metadata.schemas, current] : metadata.schemas,
    'current-schema-id': current['schema-id'],
    'last-column-id': after.lastColumnId,
    properties: { ...metadata.properties, ...layout.properties },
  };
  const changed = withPartitions(withSchema, { ...after, schema: current }, layout);
  return isSame(metadata, changed) ? undefined : nextMetadata(base, changed, { now, uuid });
}

function withPartitions(
  metadata: TableMetadata,
  { schema }: SchemaState,
  layout: TableLayout,
): TableMetadata {
  const { 'partition-specs': specs, 'last-partition-id': lastPartitionId } = metadata;
  const partitions = specAfter({ specs, lastPartitionId }, schema, layout.partitionBy);
  const sorted = sortOrderAfter(metadata['sort-orders'], schema, layout.sortBy ?? []);
  return {
    ...metadata,
    'partition-specs': [...partitions.specs],
    'default-spec-id': partitions.specId,
    'last-partition-id': partitions.lastPartitionId,
    'sort-orders': [...sorted.orders],
    'default-sort-order-id': sorted.orderId,
  };
}

/** Files keep the partition that they were written in, so its column must stay for readers of old specs. */
function refuseLostPartitions(metadata: TableMetadata, before: SchemaState, after: SchemaState): void {
  const kept = new Set(after.schema.fields.map(({ id }) => id));
  const used = new Set(
    metadata['partition-specs'].flatMap(({ fields }) => fields.map((each) => each['source-id'])),
  );
  const lost = before.schema.fields.find(({ id }) => used.has(id) && !kept.has(id));
  if (lost !== undefined)
    throw new Error(
      `Column ${lost.name} can't leave the table: files are partitioned by it. Keep it as a nullable column, or say as what it goes on in renames.`,
    );
}

const layoutFields = [
  'current-schema-id',
  'last-column-id',
  'default-spec-id',
  'default-sort-order-id',
  'properties',
] as const;

function isSame(before: TableMetadata, after: TableMetadata): boolean {
  return layoutFields.every((name) => JSON.stringify(before[name]) === JSON.stringify(after[name]));
}
