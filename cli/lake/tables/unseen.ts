import { csvTableKey, type VersionPath, versionPath } from '../../../domain/versions/key-layout.ts';
import { ledgerOf } from '../../ledger/ledger.ts';
import type { Target } from '../../target/target.ts';
import { count } from '../../terminal/terminal.ts';
import { type CatalogTable, readCatalog } from '../catalog.ts';

/** Files of a table that a query does not see, since the catalog does not know their partition. */
export interface Unseen {
  readonly table: string;
  readonly files: number;
}

/**
 * `2 files of recipes are in partitions that the catalog does not know, …`
 *
 * @param on the option that names the stack: ` --stack prod`
 */
export function describeUnseen({ table, files }: Unseen, on: string): string {
  const are = files === 1 ? 'is in a partition' : 'are in partitions';
  return `${count(files, 'file')} of ${table} ${are} that the catalog does not know, so queries don't see ${files === 1 ? 'it' : 'them'}. To register: npx sluice catalog --register${on}`;
}

/** The unseen files of these versions of objects, by their receipts: only tables of CSV have partitions. */
export async function unseenOf(
  target: Target,
  objects: readonly { readonly dataset: string; readonly key: string; readonly versionId: string }[],
): Promise<Unseen[]> {
  const tables = await readCatalog(target);
  const found = new Map<string, number>();
  for (const object of objects) {
    const table = tables.find(({ name }) => name === object.dataset);
    if (table === undefined || table.partitionKeys.length === 0) continue;
    const files = (await filesOf(target, versionPath(object))).filter((key) => !isRegistered(table, key));
    if (files.length > 0) found.set(table.name, (found.get(table.name) ?? 0) + files.length);
  }
  return [...found].map(([table, files]) => ({ table, files }));
}

/** The keys of the files of a version in the table of a dataset that is processed as CSV. */
async function filesOf(target: Target, path: VersionPath): Promise<string[]> {
  const receipts = await ledgerOf(target).receipts(path);
  return receipts.flatMap((each) =>
    each.stage === 'transformation' ? each.outputs.map(({ key }) => csvTableKey(key)) : [],
  );
}

function isRegistered({ partitions }: CatalogTable, key: string): boolean {
  const folder = key.slice(0, key.lastIndexOf('/') + 1);
  return partitions.some(({ prefix }) => prefix === folder);
}
