import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { parseEdition } from '../../domain/edition.ts';
import { parsePartitionPath } from '../../domain/key-layout.ts';
import type { Upload } from './workload.ts';

/** An upload that took place. */
export type Uploaded = Upload & { readonly versionId: string };

/** What happened to the raw bucket, in the order in which it did. */
export type Change = Uploaded | { readonly key: string; readonly deleted: true };

/**
 * The whole specification: which version of a key the tables show, and which newer one of which nothing can be used
 * keeps its rejects.
 */
export function outcomeOf(history: readonly Change[]): { shown?: Uploaded; rejected?: Uploaded } {
  let outcome: { shown?: Uploaded; rejected?: Uploaded } = {};
  for (const change of history) {
    if ('deleted' in change) outcome = {};
    else if (isOfUse(change)) outcome = { shown: change };
    else outcome = { ...outcome, rejected: change };
  }
  return outcome;
}

function isOfUse({ key, fates, fault }: Upload): boolean {
  if (!key.startsWith('recipes/')) return true;
  return fates.some((fate) => 'row' in fate) || (fates.length === 0 && fault === undefined);
}

/** The whole specification: what rows a version has, by recipe_id. */
export function rowsOf({ key, fates }: Upload): string[] {
  return fates.flatMap((fate, index) => {
    if (!('row' in fate)) return [];
    const { title, ingredients, seconds } = fate.row;
    const id = createHash('sha256')
      .update(`${index + 1}\n${key}`)
      .digest('hex')
      .slice(0, 32);
    const tenths = 6 * seconds.length + 4 * ingredients;
    const difficulty = tenths < 40 ? 'easy' : tenths < 80 ? 'medium' : 'hard';
    const time = seconds.reduce((sum, each) => sum + (each || 300), 0);
    return [[id, title, tenths / 10, difficulty, time].join(' | ')];
  });
}

/** How many rows a version has, in whatever edition. */
export function rowsOfVersion(history: readonly Change[], key: string, name: string): number {
  const { versionId } = parseEdition(name);
  const upload = history.find(
    (change): change is Uploaded => 'versionId' in change && change.versionId === versionId,
  );
  return upload?.key === key ? rowsOf(upload).length : 0;
}

export function rejectsOf({ fates }: Upload): string[] {
  return fates.flatMap((fate, index) => ('code' in fate ? [`${index + 1} ${fate.code}`] : []));
}

/** A row as the specification writes it. */
export function lineOf({
  recipe_id: id,
  title,
  complexity_score: score,
  difficulty,
  time_estimate_s: time,
}: Record<string, unknown>): string {
  return [id, title, score, difficulty, time].join(' | ');
}

/** The same of a file of the lake. */
export async function linesOf(file: Uint8Array, partitionPath: string): Promise<string[]> {
  const [[, difficulty] = []] = parsePartitionPath(partitionPath);
  const compressors = { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) };
  const columns = ['recipe_id', 'title', 'complexity_score', 'time_estimate_s'];
  const rows = await parquetReadObjects({ file: new Uint8Array(file).buffer, compressors, columns });
  return rows.map((row) => lineOf({ ...row, difficulty }));
}
