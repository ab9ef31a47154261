import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import { isVersion } from '../../../domain/versions/revision.ts';
import type { Target } from '../../target/target.ts';
import { printable } from '../../terminal/terminal.ts';
import { UserError } from '../../terminal/user-error.ts';
import { entryOf } from '../ledger.ts';
import { isFinal, objectState } from '../states/object-state.ts';

/** The active version of an object, which stays when its old versions are erased. */
export type Active = NonNullable<LedgerEntry['current']>;

/** The active version, if it is this one in any revision. */
export async function activeRevision(
  target: Target,
  key: string,
  versionId: string,
): Promise<Active | undefined> {
  const current = (await entryOf(target, key))?.entry.current;
  return current?.type === 'created' && isVersion(current.versionId, versionId) ? current : undefined;
}

/**
 * Checks that a version is active and in every sink: only then does nothing need the versions before it.
 *
 * @throws {UserError} if it is not
 */
export async function replaced(target: Target, key: string, versionId: string): Promise<Active> {
  const active = await activeRevision(target, key, versionId);
  const state = await objectState(target, key, active?.versionId ?? versionId);
  if (active !== undefined && state.stage === 'done') return active;
  const name = printable(key);
  if (!isFinal(state))
    throw new UserError(
      `Version ${versionId} of ${name} is not in every sink yet, so its old versions are still needed. Nothing else was erased. See why: npx sluice status ${name}. Then run this command again.`,
    );
  throw new UserError(
    `Version ${versionId} of ${name} took no effect (${state.stage}), so the tables show an older version, and nothing else was erased. See why: npx sluice explain ${name}. To erase the whole object: npx sluice erase ${name}`,
  );
}
