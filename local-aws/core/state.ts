import { chmodSync, mkdirSync } from 'node:fs';

/** Thrown when what lies on disk is nothing that a local cloud can go on from. The message says what to do. */
export class StateRefused extends Error {
  override readonly name = 'StateRefused';
}

/** Makes a directory that no other user may look into, also where it was there and they could, whatever the umask. */
export function makePrivate(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
}
