import * as z from 'zod';
import { partsPrefix, type VersionPath } from '../../versions/key-layout.ts';
import { bytesOf } from '../decoding/compressed/source-blocks.ts';
import { type Batch, type Format, split } from '../decoding/decode.ts';
import type { Position } from '../decoding/position.ts';
import { MAX_RECORD_BYTES } from '../decoding/record.ts';
import type { Source } from '../decoding/source.ts';
import type { Limits } from '../part.ts';
import { PartDivider } from './part-divider.ts';
import { hasSegments, segmentOf } from './segment.ts';

/**
 * Where the parts of a segment are, as a function has found them that began there: at a line ending, which
 * may be within quotes. So an outline holds only for a reader whose own first batch of the segment begins at
 * the same place: the records from there on depend on nothing before.
 */
export const outline = z.object({
  /** The version of the code, whose parts alone it tells of. */
  codeVersion: z.string(),
  /** How many bytes of the content come before its first batch. */
  start: z.int().nonnegative(),
  parts: z
    .array(
      z.object({
        /** The place from which its records are cut: how many bytes of the content come before. */
        offset: z.int().nonnegative(),
        /** How many records of the segment do. */
        before: z.int().nonnegative(),
        /** How many records after the place it begins. */
        skip: z.int().nonnegative(),
        /** How many bytes of the content come before what is behind its last record. */
        end: z.int().nonnegative(),
        records: z.int().positive(),
      }),
    )
    .min(1)
    .readonly(),
  /** How many bytes of the content come before what is behind the segment's last record. */
  end: z.int().nonnegative(),
});
export type Outline = Readonly<z.infer<typeof outline>>;

/** `{dataset}/{object id}/{version}/segment-00012.json`, in the temp bucket. */
export function outlineKey(path: VersionPath, segment: number): string {
  return `${outlinesPrefix(path)}${String(segment).padStart(5, '0')}.json`;
}

/** What the keys of all outlines of a version begin with. */
export function outlinesPrefix(path: VersionPath): string {
  return `${partsPrefix(path)}segment-`;
}

export function parseOutlineKey(key: string): VersionPath | undefined {
  const match = /^([^/]+)\/([^/]+)\/([^/]+)\/segment-\d{5,}\.json$/.exec(key);
  if (match === null) return undefined;
  const [, dataset = '', id = '', version = ''] = match;
  return { dataset, objectId: id, version };
}

/**
 * Finds where the parts of a segment are, without what comes before it.
 *
 * Memory: a chunk of input and one record, and less than 100 bytes for each part.
 *
 * @param isEnding whether there is no time left for it
 * @returns `undefined` if there was too little time, or the object is not that large, or has no segments
 * @throws {PermanentError} as `split` does
 */
export async function outlineOf(
  format: Format,
  open: Source,
  segment: number,
  limits: Limits,
  isEnding: () => boolean,
): Promise<Omit<Outline, 'codeVersion'> | undefined> {
  const within = await placeWithin(format, open, limits);
  if (within === undefined) return undefined;
  const offset = await firstLine(open, within, segment, limits);
  if (offset === undefined) return undefined;
  const from = { ...within, offset, records: 0, skip: 0 };
  const parts: Outline['parts'][number][] = [];
  let first: Batch | undefined;
  let end = 0;
  const divider = new PartDivider(limits, {
    end: ({ first: { batch, before }, last, records }) => {
      const { at } = batch;
      const place = { offset: at.offset, before: at.records - (first?.at.records ?? 0) };
      parts.push({ ...place, skip: at.skip + before, end: last.end, records });
    },
  });
  for await (const batch of split(format, open, from, limits.blockBytes)) {
    if (isEnding()) return undefined;
    const its = segmentOf(batch, limits);
    if (its > segment) break;
    if (its < segment) continue;
    first ??= batch;
    end = batch.end;
    await divider.add(batch);
  }
  await divider.finish();
  return first && parts.length > 0 ? { start: first.at.offset, parts, end } : undefined;
}

/** Some place within the content, with what a reader must know to begin there. */
async function placeWithin(
  format: Format,
  open: Source,
  { blockBytes }: Limits,
): Promise<Position | undefined> {
  for await (const { at } of split(format, open, undefined, blockBytes))
    if (at.offset > 0) return hasSegments(at) ? at : undefined;
  return undefined;
}

/** Where a line begins shortly before a segment: so that no record is too long to begin between them. */
async function firstLine(
  open: Source,
  { start = 0 }: Position,
  segment: number,
  { segmentBytes }: Limits,
): Promise<number | undefined> {
  const end = segment * segmentBytes;
  const lead = Math.min(MAX_RECORD_BYTES, segmentBytes);
  const range = { start: start + end - lead, end: start + end };
  const bytes = Buffer.concat(await Array.fromAsync(bytesOf(() => open(range))));
  const lineEnd = bytes.includes('\n') ? bytes.indexOf('\n') : bytes.indexOf('\r');
  return lineEnd < 0 ? undefined : end - lead + lineEnd + 1;
}
