/** Bytes are texts in base64 in rows (RFC 4648, section 4). */
export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Whether a value is what `base64Of` writes, so that equal bytes are equal texts. */
export function isBase64(value: unknown): value is string {
  return typeof value === 'string' && value === Buffer.from(value, 'base64').toString('base64');
}
