import { hash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod';

const digests = z.record(z.string(), z.string());
type Digests = Readonly<z.infer<typeof digests>>;

const record = z.object({
  settings: z.string(),
  /**
   * SHA-256 of each file that the build read, or `absent` if it looked for a missing file. Paths are relative
   * to the sources.
   */
  inputs: digests,
  /**
   * SHA-256 of each file that the build wrote, or the size of a source map. Paths are relative to the record.
   */
  outputs: digests,
});

/** A build and the file that records it. */
export interface Build {
  readonly recordFile: string;
  /** The folder of the sources. */
  readonly from: string;
  /** Everything besides the sources that the output depends on. */
  readonly settings: string;
}

/**
 * The files that the last build wrote, as hexadecimal SHA-256 by path relative to the record, if a new build
 * would write the same: every file it read and every file it wrote is unchanged, byte for byte. The check
 * takes a tenth of the build's time.
 */
export function cachedBuild({ recordFile, from, settings }: Build): Digests | undefined {
  const known = remembered(recordFile);
  if (known?.settings !== settings) return undefined;
  const { inputs, outputs } = known;
  return areUnchanged(inputs, from) && areUnchanged(outputs, dirname(recordFile)) ? outputs : undefined;
}

/** Two processes may write the record at once, so the file may hold anything. */
function remembered(file: string): z.infer<typeof record> | undefined {
  try {
    return record.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * Records a build that began at `beganAt` (ms since the epoch) and read `inputs` (paths relative to `from`).
 * Records nothing if an input has changed since: the build may have read the older contents.
 */
export function storeBuild(
  { recordFile, from, settings }: Build,
  inputs: readonly string[],
  outputs: Digests,
  beganAt: number,
): void {
  const read = new Set(inputs);
  // esbuild also looks for these on the way to each file.
  for (const input of inputs) {
    for (let path = dirname(input); !read.has(join(path, 'package.json')); path = dirname(path)) {
      for (const name of ['package.json', 'tsconfig.json']) read.add(join(path, name));
    }
  }
  const digested = Object.fromEntries([...read].map((path) => [path, digestOf(resolve(from, path))]));
  if ([...read].some((path) => changedAt(resolve(from, path)) >= beganAt - CLOCK_GRAIN_MS)) return;
  const build: z.infer<typeof record> = { settings, inputs: digested, outputs };
  writeFileSync(recordFile, JSON.stringify(build));
}

/** File times may lag behind the clock by this much. */
const CLOCK_GRAIN_MS = 20;

function areUnchanged(files: Digests, from: string): boolean {
  return Object.entries(files).every(([path, digest]) => digestOf(resolve(from, path)) === digest);
}

function digestOf(path: string): string {
  if (!existsSync(path)) return 'absent';
  return isSourceMap(path) ? sizeIn(statSync(path).size) : hash('sha256', readFileSync(path));
}

/** The value that `outputs` of `storeBuild` holds for a file. */
export function digest(path: string, contents: Uint8Array): string {
  return isSourceMap(path) ? sizeIn(contents.byteLength) : hash('sha256', contents);
}

/** Source maps are most of the bytes and never run, so only their size is compared. */
const isSourceMap = (path: string) => path.endsWith('.map');
const sizeIn = (bytes: number) => `${bytes} bytes`;

/** ms since the epoch; 0 for a missing file. */
function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0;
}
