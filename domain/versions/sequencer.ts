/**
 * Compares two `sequencer` values of the same key: negative when `a` is the older event, 0 when they are the
 * same. They are hexadecimal texts; the shorter one is padded with zeros on the right before comparing
 * (Amazon S3 User Guide, "Event message structure").
 */
export function compareSequencers(a: string, b: string): number {
  const length = Math.max(a.length, b.length);
  const left = a.toUpperCase().padEnd(length, '0');
  const right = b.toUpperCase().padEnd(length, '0');
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
