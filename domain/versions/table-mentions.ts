import { createHash } from 'node:crypto';
import type { VersionPath } from './key-layout.ts';

const DIGITS = 12;

/** The properties of a snapshot's summary that name the versions which came into the table and left it. */
export const COMMITTED_VERSIONS = 'sluice.committed';
export const REMOVED_VERSIONS = 'sluice.removed';

/** What a commit does to versions. */
export interface Mentions {
  readonly committed: readonly VersionPath[];
  readonly removed: readonly VersionPath[];
}

/** The properties of the summary of a commit. They are short, since a table keeps those of many snapshots. */
export function mentioned({ committed, removed }: Mentions): Record<string, string> {
  const text = (paths: readonly VersionPath[]) => paths.map(digest).join();
  return { [COMMITTED_VERSIONS]: text(committed), [REMOVED_VERSIONS]: text(removed) };
}

/** The properties by which one snapshot says what these have said of versions, in their order. */
export function mentionedBy(snapshots: readonly Summarized[]): Record<string, string> {
  const last = new Map<string, string>();
  for (const { summary } of snapshots)
    for (const property of [REMOVED_VERSIONS, COMMITTED_VERSIONS])
      for (const name of summary[property]?.split(',') ?? []) if (name !== '') last.set(name, property);
  const of = (property: string) => [...last].flatMap(([name, said]) => (said === property ? [name] : []));
  return Object.fromEntries(
    [COMMITTED_VERSIONS, REMOVED_VERSIONS].map((property) => [property, of(property).join()]),
  );
}

/** What a table keeps of one snapshot. */
interface Summarized {
  readonly summary: Readonly<Record<string, string>>;
}

/**
 * Whether a table's snapshots tell that it shows a version: the last one that mentions it decides. The ledger
 * entry says the same, but a little later: who commits in between must not commit a version twice.
 *
 * @param snapshots in their order @returns `undefined` if none of them mentions it
 */
export function isShown(snapshots: readonly Summarized[], path: VersionPath): boolean | undefined {
  const name = digest(path);
  const last = snapshots.findLast(
    ({ summary }) => has(summary[COMMITTED_VERSIONS], name) || has(summary[REMOVED_VERSIONS], name),
  );
  return last && has(last.summary[COMMITTED_VERSIONS], name);
}

/** Whether a property of a summary names a version. */
export function mentions(property: string | undefined, path: VersionPath): boolean {
  return has(property, digest(path));
}

const has = (names: string | undefined, name: string) => names?.split(',').includes(name) ?? false;

function digest({ objectId, version }: VersionPath): string {
  return createHash('sha256').update(`${objectId}/${version}`).digest('hex').slice(0, DIGITS);
}
