/** The bucket and key of `s3://bucket/key`; `undefined` for any other text. */
export function parseS3Url(text: string): { readonly bucket: string; readonly key: string } | undefined {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(text) ?? [];
  return bucket === undefined || key === undefined ? undefined : { bucket, key };
}
