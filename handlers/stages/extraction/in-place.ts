import type { Dataset } from '../../../domain/dataset.ts';
import type { Part } from '../../../domain/records/part.ts';
import { transformationReceiptKey, type VersionPath } from '../../../domain/versions/key-layout.ts';
import { type TransformationReceipt, transformationReceipt } from '../../../domain/versions/receipt.ts';
import { removeUnnamedRejects } from '../removal.ts';
import { itemOf, type Transforming, transformRecords } from '../transformation/transform-records.ts';

/**
 * Transforms the only part of a small object, which is not stored. What fails here would fail in the
 * transformation as well, or go well there, which tells it, tries again and gives up as always: so it gets
 * the part.
 *
 * @returns the receipt, which is not written; `undefined` if the part is to be stored
 */
export async function transformInPlace(
  path: VersionPath,
  part: Part,
  dataset: Dataset,
  transforming: Transforming,
): Promise<TransformationReceipt | undefined> {
  const address = { ...path, part: part.header.part };
  try {
    const { sentAt: _, ...receipt } = await transformRecords(
      address,
      dataset,
      async () => part,
      transforming,
    );
    return receipt;
  } catch {
    return undefined;
  }
}

/** Records that a part was transformed in place. @returns the receipt that counts: the first */
export async function recordInPlace(
  path: VersionPath,
  receipt: TransformationReceipt,
  { ledger, buckets, context }: Transforming,
): Promise<TransformationReceipt> {
  const key = transformationReceiptKey(path, receipt.part);
  if (await ledger.writeReceipt(key, receipt)) return receipt;
  // Another invocation, by whose clock the lease was over, has stored the part.
  await removeUnnamedRejects(itemOf({ ...path, part: receipt.part }), ledger, context.store, buckets);
  return (await ledger.receipt(key, transformationReceipt)) ?? receipt;
}
