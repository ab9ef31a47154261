import { chmodSync, mkdirSync } from 'node:fs';

/** Thrown if the local cloud can't continue from the state on disk. The message says what to do. */
export class StateRefused extends Error {
  override readonly name = 'StateRefused';
}

/** Creates a directory that no other user can read, whatever the umask; also restricts an existing one. */
export function makePrivate(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
}
