import { objectId } from '../key-layout.ts';

const HASH_DIGITS = 24;

/** What stands for a raw key in `_object`: the hash of its object id, 24 hexadecimal digits. */
export function objectHash(key: string): string {
  return objectId(key).slice(-HASH_DIGITS);
}

/**
 * A `sequencer` such that plain comparison of bytes orders it as S3 does, which pads the shorter of two with zeros on
 * the right: upper-case hexadecimal without zeros at the end.
 */
export function sortableSequencer(sequencer: string): string {
  return sequencer.toUpperCase().replace(/0+$/, '');
}
