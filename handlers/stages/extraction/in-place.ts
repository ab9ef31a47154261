import type { Dataset } from '../../../domain/dataset.ts';
import type { Part } from '../../../domain/records/part.ts';
import { transformationReceiptKey, type VersionPath } from '../../../domain/versions/key-layout.ts';
import {
  type ExtractionReceipt,
  type TransformationReceipt,
  transformationReceipt,
} from '../../../domain/versions/receipt.ts';
import { removeUnnamed } from '../removal.ts';
import { itemOf, type Transforming, transformRecords } from '../transformation/transform-records.ts';

/**
 * Transforms the only part of a small object, which is not stored. What fails here would fail in the
 * transformation as well, or go well there, which tells it, tries again and gives up as always: so it gets
 * the part.
 *
 * @returns the receipt, which is not written
 */
export async function transformInPlace(
  path: VersionPath,
  part: Part,
  dataset: Dataset,
  transforming: Transforming,
): Promise<TransformationReceipt> {
  const address = { ...path, part: part.header.part };
  const { sentAt: _, ...receipt } = await transformRecords(address, dataset, async () => part, transforming);
  return receipt;
}

/**
 * Records that a part was transformed in place, and with it the extraction: no receipt of that is needed
 * unless somebody else may write one.
 *
 * @returns the receipt that counts: the first; and whether it is this one
 */
export async function recordInPlace(
  path: VersionPath,
  transformation: TransformationReceipt,
  { bytes, sentAt, finishedAt, durationMs, codeVersion }: ExtractionReceipt,
  { ledger, buckets, context }: Transforming,
): Promise<{ readonly transformation: TransformationReceipt; readonly isOwn: boolean }> {
  const key = transformationReceiptKey(path, transformation.part);
  const own = { ...transformation, extraction: { bytes, sentAt, finishedAt, durationMs, codeVersion } };
  if (await ledger.writeReceipt(key, own)) return { transformation: own, isOwn: true };
  // Another invocation, by whose clock the lease was over, has stored the part.
  await removeUnnamed(itemOf({ ...path, part: transformation.part }), ledger, context.store, buckets);
  const first = await ledger.receipt(key, transformationReceipt);
  return { transformation: first ?? transformation, isOwn: false };
}
