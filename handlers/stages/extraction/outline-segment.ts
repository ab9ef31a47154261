import { outlineOf } from '../../../domain/records/segments/outline.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import { revisionName } from '../../../domain/versions/revision.ts';
import { Ledger } from '../../../store/ledger.ts';
import type { StageContext } from '../context.ts';
import type { ExtractionBuckets } from './extract-object.ts';
import { Outlines } from './outlines.ts';

/** `unwanted`: the extraction of the version has ended, or the segment is outlined already. */
export type OutlineResult = 'outlined' | 'unwanted' | 'impossible';

/**
 * Outlines a segment of a large object, while another invocation extracts it from its beginning on: that one
 * then need not read the segment. Nothing depends on it.
 *
 * @throws {Error} if anything fails, or if the object has a fault there
 */
export async function outlineSegment(
  event: ObjectEvent,
  segment: number,
  buckets: ExtractionBuckets,
  context: StageContext,
): Promise<OutlineResult> {
  const { store, registry, limits, codeVersion, isEnding } = context;
  const ledger = new Ledger(store, buckets.ledger);
  const path = registry.pathOf(event);
  const versionId = revisionName(event.versionId, event.revision);
  const isWanted = async () => {
    const { attempts = [] } = (await ledger.entry(path)) ?? {};
    return attempts.some((each) => each.versionId === versionId && each.status === 'extracting');
  };
  const dataset = registry.of(event.key);
  if (dataset === undefined) return 'impossible';
  const outlines = new Outlines(event, path, buckets.temp, context);
  if (!(await isWanted()) || (await outlines.find(segment)) !== undefined) return 'unwanted';
  const found = await outlineOf(dataset, (range) => store.read(event, range), segment, limits, isEnding);
  if (found === undefined) return 'impossible';
  await outlines.write(segment, { codeVersion, ...found });
  if (await isWanted()) return 'outlined';
  // Whoever ended the extraction may have removed the others before this one was there.
  await outlines.remove(segment);
  return 'unwanted';
}
