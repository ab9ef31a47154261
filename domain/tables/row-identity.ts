import { objectId } from '../versions/key-layout.ts';
import { parseRevision, revisionName } from '../versions/revision.ts';

const HASH_DIGITS = 24;

/** The value of `_object` for a raw key: the hash of its object id, 24 hexadecimal digits. */
export function objectHash(key: string): string {
  return objectId(key).slice(-HASH_DIGITS);
}

/**
 * A `sequencer` in a form that plain comparison of bytes orders as S3 does, which pads the shorter of two
 * with zeros on the right: upper-case hexadecimal without zeros at the end. A revision, `…!0001`, comes after
 * its version and before any newer one, since `!` is below all digits.
 */
export function sortableSequencer(sequencer: string): string {
  const [digits = '', ...revision] = sequencer.split('!');
  return [digits.toUpperCase().replace(/0+$/, ''), ...revision].join('!');
}

/** The sequencer of a version in its revision, as the tables order versions. */
export function revisionSequencer({
  sequencer,
  versionId,
}: {
  sequencer: string;
  versionId: string;
}): string {
  return revisionName(sequencer, parseRevision(versionId).revision);
}
