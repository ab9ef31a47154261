import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';

/** The bucket and key of `s3://bucket/key`; `undefined` for any other text. */
export function parseS3Url(text: string): { readonly bucket: string; readonly key: string } | undefined {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(text) ?? [];
  return bucket === undefined || key === undefined ? undefined : { bucket, key };
}

/** The key of the raw bucket in `KEY`, `s3://raw/KEY` or `s3://BUCKET/KEY`. @throws {UserError} */
export function rawKey({ outputs }: Target, asked: string): string {
  const object = parseS3Url(asked);
  if (object === undefined) return asked;
  if (object.bucket === 'raw' || object.bucket === outputs.buckets.raw) return object.key;
  throw new UserError(`Name an object of the raw bucket: s3://${outputs.buckets.raw}/KEY, or only KEY.`);
}
