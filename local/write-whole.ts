import { writeSync } from 'node:fs';

/** Writes all of it to an open file, at once: the operating system may take a piece at a time ("write(2)"). */
export function writeWhole(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}
