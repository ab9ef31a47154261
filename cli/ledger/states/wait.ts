import { setTimeout as sleep } from 'node:timers/promises';
import { total } from '../../../domain/versions/receipt.ts';
import { stackOption } from '../../options/chosen-target.ts';
import type { Target } from '../../target/target.ts';
import { integer, Progress } from '../../terminal/terminal.ts';
import { UserError } from '../../terminal/user-error.ts';
import { describeState, troubleText } from './describe-state.ts';
import { isFinal, isStuck, type ObjectState, objectState, withTrouble } from './object-state.ts';
import { TroubleFinder } from './trouble.ts';

/** A version of an object in the raw bucket. */
export interface Awaited {
  readonly key: string;
  readonly versionId: string;
}

const POLL_MS = 200;
const LOOK_AT_TROUBLES_MS = 2000;
/** The rate is that of so many milliseconds. */
const RATE_MS = 5000;

/**
 * Waits until each object has reached its end or is stuck, and shows the progress.
 *
 * @param signal ends the wait, not the work
 * @throws {UserError} on a timeout
 */
export async function waitFor(
  target: Target,
  objects: readonly Awaited[],
  timeoutSeconds: number,
  signal?: AbortSignal,
): Promise<ObjectState[]> {
  const progress = new Progress();
  const settled = new Map<Awaited, ObjectState>();
  const since = Date.now();
  const end = since + timeoutSeconds * 1000;
  const troubles = new Map<Awaited, ObjectState['trouble']>();
  const speed = new Speed();
  let lookedAt = since;
  try {
    while (settled.size < objects.length) {
      const waiting = objects.filter((each) => !settled.has(each));
      const isDue = Date.now() - lookedAt > LOOK_AT_TROUBLES_MS;
      const finder = isDue ? new TroubleFinder(target) : undefined;
      if (isDue) lookedAt = Date.now();
      let position = '';
      let records = [...settled.values()].reduce((sum, each) => sum + recordsOf(each), 0);
      for (const each of waiting) {
        const found = await objectState(target, each.key, each.versionId);
        const begun = { ...found, since: found.since ?? since };
        if (finder !== undefined) troubles.set(each, (await withTrouble(begun, finder)).trouble);
        const state = isFinal(begun) ? begun : { ...begun, trouble: troubles.get(each) };
        records += recordsOf(state);
        if (isFinal(state) || isStuck(state)) settled.set(each, state);
        else position ||= [describeState(state), troubleText(state)].filter(Boolean).join('; ');
      }
      if (position === '') continue;
      const rate = speed.of(records, Date.now());
      const done = `${settled.size} of ${objects.length} done`;
      progress.show([done, ...(records > 0 ? [rate] : []), position].join('; '));
      if (Date.now() > end)
        throw new UserError(
          `Timeout after ${timeoutSeconds} s. ${position}; the work goes on. To see its progress: npx sluice status${stackOption(target)}`,
        );
      await sleep(POLL_MS, undefined, { ...(signal && { signal }) }).catch(() => signal?.throwIfAborted());
    }
  } finally {
    progress.end();
  }
  return objects.flatMap((each) => settled.get(each) ?? []);
}

/** The records whose outcome is known; while a version is extracted, those of the parts that are done. */
function recordsOf({ written, filtered, rejected }: ObjectState): number {
  return written + total(filtered) + total(rejected);
}

/** How many records are done, and how many more in each of the last seconds. */
class Speed {
  readonly #samples: { readonly records: number; readonly at: number }[] = [];

  /** @param now milliseconds @returns `12,000 records, 3,100 a second` */
  of(records: number, now: number): string {
    this.#samples.push({ records, at: now });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > RATE_MS) this.#samples.shift();
    const [first = { records, at: now }] = this.#samples;
    const perSecond = now === first.at ? 0 : ((records - first.records) * 1000) / (now - first.at);
    const rate = perSecond < 1 ? '' : `, ${integer(Math.round(perSecond))} a second`;
    return `${integer(records)} ${records === 1 ? 'record' : 'records'}${rate}`;
  }
}
