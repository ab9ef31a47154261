import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Thrown when another local cloud works in the same directory. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse';

  constructor(directory: string, pid: string) {
    super(
      `The local cloud of ${directory} runs already, as process ${pid}. Stop it, or choose another --directory.`,
    );
  }
}

/**
 * Claims a directory for this process, so that two local clouds never write the same journals. The claim of a process
 * that died is taken over. Returns what gives it back.
 *
 * @throws {DirectoryInUse}
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'lock');
  // Made with its content and then given its name: whoever finds it, finds it whole.
  const own = join(directory, `lock.${randomUUID()}`);
  writeFileSync(own, `${process.pid} ${startOf(`${process.pid}`) ?? ''}\n`);
  try {
    for (;;) {
      try {
        linkSync(own, path);
        return () => rmSync(path, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const claim = contentOf(path);
      const [, pid = '', start = ''] = /^(\d+) (.*)\n$/.exec(claim ?? '') ?? [];
      if (pid !== '' && startOf(pid) === start) throw new DirectoryInUse(directory, pid);
      if (claim !== undefined) removeStale(path, claim);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Removes the claim of a dead process, and only that: another starter may have taken it over meanwhile. */
function removeStale(path: string, claim: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (contentOf(aside) !== claim) linkSync(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * When the process of this number started: with it, a number that was given out again is told apart. Undefined when there is
 * none, or a dead one whose parent has not asked for its end yet.
 */
function startOf(pid: string): string | undefined {
  const stat = contentOf(`/proc/${pid}/stat`);
  if (stat !== undefined) {
    // proc(5): the name, the second field, is in parentheses and may hold anything; then the state; the start is the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  }
  try {
    const state = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', pid], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return state.startsWith('Z') ? undefined : state.slice(state.indexOf(' ')).trim();
  } catch {
    return undefined;
  }
}
