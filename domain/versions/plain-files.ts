import { parseDataKey } from './key-layout.ts';
import type { Receipt } from './receipt.ts';

/**
 * Whether a file of a version is a plain one, by its key: a file of the lake as it was until November 2026,
 * in the folder of its partition. It has no field ids and no statistics, and no table shows it.
 */
export function isPlainFile(key: string): boolean {
  return parseDataKey(key) === undefined;
}

/** The archive's copy of a plain file: it has the same name. */
export function plainArchiveKey(key: string): string {
  return key.replace(/\.[a-z]+$/, '.parquet');
}

/**
 * The plain files that a version's receipts name: those of a part, and those that were loaded. A version with
 * such a file can't be published; it is taken over by being reprocessed.
 */
export function plainFilesOf(receipts: readonly Receipt[]): string[] {
  const keys = receipts.flatMap((receipt) => {
    if (receipt.stage === 'extraction') return [];
    const files = receipt.stage === 'transformation' ? receipt.outputs : receipt.files;
    return files.map(({ key }) => key);
  });
  return [...new Set(keys.filter(isPlainFile))];
}
