import type { Batch } from '../decoding/decode.ts';
import type { Position } from '../decoding/position.ts';
import type { Limits } from '../part.ts';

/**
 * Whether records can be cut from any line ending on: of plain NDJSON and CSV. The first batch of a content
 * does not tell yet.
 */
export function hasSegments({ offset, start, cut, header }: Position): boolean {
  return offset > 0 && start !== undefined && (cut === 'lines' || header !== undefined);
}

/**
 * The number of the segment that a batch belongs to: the one that its last record ends in. A content that has
 * no segments is one.
 */
export function segmentOf({ at, end }: Batch, { segmentBytes }: Pick<Limits, 'segmentBytes'>): number {
  return hasSegments(at) ? Math.floor((end - 1) / segmentBytes) : 0;
}
