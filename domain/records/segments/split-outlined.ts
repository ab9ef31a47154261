import type { Dataset } from '../../dataset.ts';
import { type Batch, split } from '../decoding/decode.ts';
import type { Position } from '../decoding/position.ts';
import type { Source } from '../decoding/source.ts';
import type { Limits, RecordRange } from '../part.ts';
import type { Outline } from './outline.ts';
import { hasSegments, segmentOf } from './segment.ts';

/** How many parts are stored at once: each is a small object, and storing it is waiting. */
const PARTS = 16;

/** Parts of a segment that another function has outlined. */
export interface OutlinedParts {
  /** The names of the columns, of CSV. */
  readonly header: readonly string[] | undefined;
  readonly ranges: readonly RecordRange[];
  /** Where the object goes on behind them. */
  readonly next: Position;
}

/** Where outlines come from. */
export interface OutlineSource {
  /** Has some of the segments outlined that come after this one. */
  ask(segment: number): Promise<void>;
  find(segment: number): Promise<Outline | undefined>;
}

/**
 * Cuts an object into its records as `split` does. Segments that another function has outlined come as their
 * parts, which `PartDivider` would make of their records.
 *
 * @throws {PermanentError} as `split` does
 */
export async function* splitOutlined(
  dataset: Dataset,
  open: Source,
  from: Position | undefined,
  limits: Limits,
  outlines: OutlineSource,
): AsyncGenerator<Batch | OutlinedParts> {
  let place = from;
  let segment = from === undefined ? 0 : undefined;
  for (let isDone = false; !isDone; ) {
    isDone = true;
    for await (const batch of split(dataset, open, place, limits.blockBytes)) {
      const its = segmentOf(batch, limits);
      if (hasSegments(batch.at)) await outlines.ask(its);
      const found = its === segment ? undefined : await outlineFor(batch, its, outlines);
      segment = its;
      if (found === undefined) {
        yield batch;
        continue;
      }
      for (const parts of partsOf(found, batch, dataset)) {
        yield parts;
        place = parts.next;
      }
      isDone = false;
      break;
    }
  }
}

/** The first part of an object has its records, so it is not taken from an outline. */
async function outlineFor(
  { at }: Batch,
  segment: number,
  outlines: OutlineSource,
): Promise<Outline | undefined> {
  if (!hasSegments(at) || at.records === 0 || at.skip > 0) return undefined;
  const found = await outlines.find(segment);
  return found?.start === at.offset ? found : undefined;
}

function* partsOf(found: Outline, { at, header }: Batch, { source }: Dataset): Generator<OutlinedParts> {
  const positionOf = ({ offset, before, skip }: Outline['parts'][number]) => ({
    ...at,
    offset,
    records: at.records + before,
    skip,
  });
  const records = found.parts.reduce((sum, part) => sum + part.records, 0);
  const behind = { ...at, offset: found.end, records: at.records + records };
  for (let i = 0; i < found.parts.length; i += PARTS) {
    const ranges = found.parts
      .slice(i, i + PARTS)
      .map((part) => ({ source, from: positionOf(part), end: part.end, records: part.records }));
    const following = found.parts[i + PARTS];
    yield { header, ranges, next: following === undefined ? behind : positionOf(following) };
  }
}
