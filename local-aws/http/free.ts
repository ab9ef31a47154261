/**
 * Frees the memory of bytes at once. Nothing else may use the bytes, and they are gone afterwards.
 *
 * If left to the garbage collector, buffers of large bodies pile up and make it run every few megabytes: a
 * gigabyte of buffers takes a fifth of the processor time and of the memory if each is freed explicitly.
 */
export function free({ buffer, byteLength }: Uint8Array): void {
  // A view of a larger buffer, such as Node's pool for small ones, is not freed.
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}
