import {
  extractionReceiptKey,
  transformationReceiptKey,
  UNKNOWN_DATASET,
  type VersionPath,
  versionPath,
} from '../../domain/versions/key-layout.ts';
import { isSettled, type LedgerEntry } from '../../domain/versions/ledger.ts';
import { plainFilesOf } from '../../domain/versions/plain-files.ts';
import type { PublishedPart } from '../../domain/versions/publication.ts';
import { extractionReceipt, type TransformationReceipt } from '../../domain/versions/receipt.ts';
import type { Ledger } from '../../store/ledger.ts';

/**
 * Publishes what became active: a version, once every part of it is transformed, or a deletion. Each
 * invocation that writes one of these receipts, or makes the version active, calls this: the last of them
 * finds the version whole. A version that was overtaken is never published.
 *
 * @param entry as it was after the receipt was written
 * @param known the receipt of the transformation of a part, if the caller has written it
 */
export async function publishIfWhole(
  entry: LedgerEntry | undefined,
  ledger: Ledger,
  known?: TransformationReceipt,
): Promise<void> {
  if (entry?.current === undefined) return;
  const { dataset, key, current, superseded } = entry;
  if (dataset === UNKNOWN_DATASET) return;
  if (isSettled(entry) && (current.type === 'created' || superseded.length === 0)) return;
  const { versionId, sequencer } = current;
  const path = versionPath({ dataset, key, versionId });
  const of = { dataset, key, versionId, sequencer };
  if (current.type === 'deleted') {
    await ledger.publishDeletion(path, { type: 'deleted', ...of });
    return;
  }
  const transformations = await transformationsOf(path, current.parts, ledger, known);
  if (transformations === undefined) return;
  // No table can show them: the version is reprocessed when the lake is taken over.
  if (plainFilesOf(transformations).length > 0) return;
  const parts = transformations.map(
    ({ part, outputs }): PublishedPart => ({
      type: 'created',
      ...of,
      part,
      parts: transformations.length,
      files: outputs,
    }),
  );
  await ledger.publish(
    path,
    parts.length > 0 ? parts : [{ type: 'created', ...of, part: 0, parts: 0, files: [] }],
  );
}

/**
 * The receipts of all parts of a version, in their order; `undefined` while one of them is missing.
 *
 * @param parts how many there are, if the ledger entry tells
 */
async function transformationsOf(
  path: VersionPath,
  parts: number | undefined,
  ledger: Ledger,
  known: TransformationReceipt | undefined,
): Promise<TransformationReceipt[] | undefined> {
  const length = parts ?? (await ledger.receipt(extractionReceiptKey(path), extractionReceipt))?.parts.length;
  if (length === undefined) return undefined;
  const keys = Array.from({ length }, (_, part) => transformationReceiptKey(path, part));
  if (keys.length === 1 && known !== undefined) return [known];
  // A listing costs twelve reads.
  if (keys.length > 1) {
    const there = new Set(await ledger.receiptKeys(path));
    if (!keys.every((key) => there.has(key))) return undefined;
  }
  const receipts = await ledger.receiptsOf(keys);
  const found = receipts.filter((each): each is TransformationReceipt => each.stage === 'transformation');
  return found.length === keys.length ? found.sort((a, b) => a.part - b.part) : undefined;
}
