import type { Source } from '../../domain/records/decoding/source.ts';
import { s3ObjectStore } from '../../store/object-store.ts';
import type { Target } from './target.ts';

/** The bytes of a version of a raw object, as often as they are needed. */
export function rawSource({ s3, outputs }: Target, key: string, versionId: string): Source {
  const store = s3ObjectStore(s3);
  return (range) => store.read({ bucket: outputs.buckets.raw, key, versionId }, range);
}
