import { tableColumns } from '../domain/columns.ts';
import type { Dataset } from '../domain/dataset.ts';
import { lakeLayouts, schemaOf } from '../domain/tables/layout.ts';
import type { SchemaState } from '../domain/tables/schema/schema-after.ts';

/** The schema of the table of a dataset, with the ids of its fields. */
export type TableSchemas = (dataset: Dataset) => SchemaState;

/**
 * The schemas that are recorded with the code. They are not taken from the catalog: whoever writes a file
 * must know the ids before the table has the column.
 *
 * @param recorded the content of `mysql/migrations/lake.json`
 */
export function recordedSchemas(recorded: unknown): TableSchemas {
  const layouts = lakeLayouts.parse(recorded);
  const known = new Map<Dataset, SchemaState>();
  return (dataset) => {
    const found = known.get(dataset);
    if (found !== undefined) return found;
    const schema = schemaOf(
      tableColumns(dataset),
      layouts.find(({ table }) => table === dataset.name)?.schema,
      dataset.renamed,
    );
    known.set(dataset, schema);
    return schema;
  };
}
