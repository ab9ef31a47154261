import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StateRefused } from './state.ts';

/** Thrown when another local cloud works in the same directory. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse';

  constructor(directory: string, holder: string) {
    super(
      `The local cloud of ${directory} runs already${holder && `, as ${holder}`}. Stop it, or choose another --directory.`,
    );
  }
}

/** What nobody refers to is collected, and its lock with it. */
const held = new Set<DatabaseSync>();

/** "SQLite: Result codes". */
const SQLITE_BUSY = 5;

/**
 * Claims a directory for this process, so that two local clouds never write the same journals. The claim is a lock of the
 * kernel's, which ends with its holder however that ends, and holds for containers of one machine that share the directory. Node
 * itself has no such lock; the one of an empty database of SQLite's does. Returns what gives it back.
 *
 * @throws {DirectoryInUse}
 * @throws {StateRefused} where nothing can be locked
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Never opened by anything else in this process: to close it would give the lock back ("fcntl(2)").
  const path = join(directory, 'lock.sqlite');
  const holder = join(directory, 'lock');
  for (;;) {
    const expected = inodeOf(path);
    const lock = lockFile(path, () => new DirectoryInUse(directory, contentOf(holder)));
    // Another holder may have removed it as it was opened here, so that it is nobody's; or it is new.
    if (expected === undefined || inodeOf(path) !== expected) {
      lock.close();
      continue;
    }
    held.add(lock);
    chmodSync(path, 0o600);
    writeFileSync(holder, `process ${process.pid} on ${hostname()}`, { mode: 0o600 });
    return () => {
      rmSync(holder, { force: true });
      rmSync(path, { force: true });
      lock.close();
      held.delete(lock);
    };
  }
}

/** @throws what `busy` makes when somebody else has it */
function lockFile(path: string, busy: () => Error): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    const { errcode, message } = error as Error & { errcode?: number };
    if (errcode === SQLITE_BUSY) throw busy();
    throw new StateRefused(`${path} can't be locked: ${message}. Choose another place with --directory.`);
  }
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
