import { fstatSync, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { DiskWrites } from '../../core/disk.ts';

/**
 * A disk on which real files grow by no more than so many bytes; beyond, it answers as the operating system
 * does.
 */
export class SmallDisk implements DiskWrites {
  left: number;

  constructor(bytes: number) {
    this.left = bytes;
  }

  write(file: number, bytes: Uint8Array, position: number | null): number {
    const { size } = fstatSync(file);
    const growth = Math.max(0, (position ?? size) + bytes.length - size);
    if (growth > 0 && this.left === 0)
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    // "write(2)": just before the end, fewer bytes are written than asked for.
    const length = bytes.length - Math.max(0, growth - this.left);
    this.left -= Math.min(growth, this.left);
    return writeSync(file, bytes, 0, length, position);
  }

  async writev({ fd }: FileHandle, chunks: readonly Uint8Array[]): Promise<{ bytesWritten: number }> {
    return { bytesWritten: this.write(fd, Buffer.concat(chunks), null) };
  }
}
