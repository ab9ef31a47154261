import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StateRefused } from './state.ts';

/** Thrown if another local cloud uses the same directory. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse';

  constructor(directory: string, holder: string) {
    super(
      `A local cloud is already running in ${directory}${holder && ` (${holder})`}. Stop it, or choose another --directory.`,
    );
  }
}

/** Keeps references: a garbage-collected database would release its lock. */
const held = new Set<DatabaseSync>();

/** "SQLite: Result codes". */
const SQLITE_BUSY = 5;

/**
 * Claims a directory for this process, so that two local clouds never write the same journals. The claim is a
 * kernel lock: it ends with its holder, however that ends, and holds across containers of one machine that
 * share the directory. Node has no such lock itself, so this uses that of an empty SQLite database. Returns a
 * function that releases the claim.
 *
 * @throws {DirectoryInUse}
 * @throws {StateRefused} if the directory can't be locked
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Never opened elsewhere in this process: closing it would release the lock ("fcntl(2)").
  const path = join(directory, 'lock.sqlite');
  const holder = join(directory, 'lock');
  for (;;) {
    const expected = inodeOf(path);
    const lock = lockFile(path, () => new DirectoryInUse(directory, contentOf(holder)));
    // The file may be new, or another holder may have removed it while it was being opened here.
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

/** @throws the error of `busy` if another process holds the lock */
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
    throw new StateRefused(`${path} can't be locked: ${message}. Choose another directory with --directory.`);
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
