import { stages } from '../../stage.ts';
import { type DeadLetter, deadLetterPlaces } from './dead-letter.ts';

/** Which messages are meant; an empty list means any. */
export interface DeadLetterSelection {
  readonly codes: readonly string[];
  readonly datasets: readonly string[];
  /** In the raw bucket. */
  readonly keys: readonly string[];
  /** Message ids, or their beginnings. */
  readonly messages: readonly string[];
  /** Only messages that failed last at or after this time. */
  readonly since: number;
  readonly limit: number;
}

export const everything: DeadLetterSelection = {
  codes: [],
  datasets: [],
  keys: [],
  messages: [],
  since: 0,
  limit: Number.POSITIVE_INFINITY,
};

export function isEverything({
  codes,
  datasets,
  keys,
  messages,
  since,
  limit,
}: DeadLetterSelection): boolean {
  const lists = [codes, datasets, keys, messages];
  return lists.every((list) => list.length === 0) && since <= 0 && limit === Number.POSITIVE_INFINITY;
}

/** The messages that are meant, the oldest first. */
export function selected(letters: readonly DeadLetter[], selection: DeadLetterSelection): DeadLetter[] {
  const { codes, datasets, keys, messages, since, limit } = selection;
  const isIn = (list: readonly string[], value: string | undefined) =>
    list.length === 0 || (value !== undefined && list.includes(value));
  return letters
    .filter(
      ({ code, dataset, key, id, lastFailure, sentAt }) =>
        isIn(codes, code) &&
        isIn(datasets, dataset) &&
        isIn(keys, key) &&
        (messages.length === 0 || messages.some((beginning) => id.startsWith(beginning))) &&
        (lastFailure ?? sentAt) >= since,
    )
    .sort(byAge)
    .slice(0, limit);
}

/** The messages to try first: so many of each stage, those with work left first, and of these the oldest. */
export function canariesOf(letters: readonly DeadLetter[], ofEachStage: number): DeadLetter[] {
  const inOrder = [...letters].sort(
    (a, b) => Number(a.standing !== 'open') - Number(b.standing !== 'open') || byAge(a, b),
  );
  return stages.flatMap((stage) => inOrder.filter((each) => each.stage === stage).slice(0, ofEachStage));
}

/** Messages of one stage that failed for the same reason and have the same standing. */
export interface DeadLetterGroup extends Pick<DeadLetter, 'stage' | 'place' | 'code' | 'standing'> {
  /** The reason that most of them have. */
  readonly reason: string;
  /** How many other reasons there are under the same code. */
  readonly otherReasons: number;
  /** The oldest first; never empty. */
  readonly letters: readonly DeadLetter[];
}

/** All messages by reason, in the order of the flow, and of each stage the largest group first. */
export function grouped(letters: readonly DeadLetter[]): DeadLetterGroup[] {
  const groups = Map.groupBy(letters, ({ stage, place, code, standing }) =>
    JSON.stringify([stage, place, code, standing]),
  );
  return [...groups.values()]
    .flatMap((all) => {
      const [first] = all;
      if (first === undefined) return [];
      const reasons = [...Map.groupBy(all, ({ reason }) => reason)].sort(
        ([, a], [, b]) => b.length - a.length,
      );
      const { stage, place, code, standing } = first;
      const reason = reasons[0]?.[0] ?? '';
      return [
        { stage, place, code, standing, reason, otherReasons: reasons.length - 1, letters: all.sort(byAge) },
      ];
    })
    .sort(
      (a, b) =>
        stages.indexOf(a.stage) - stages.indexOf(b.stage) ||
        deadLetterPlaces.indexOf(a.place) - deadLetterPlaces.indexOf(b.place) ||
        b.letters.length - a.letters.length,
    );
}

function byAge(a: DeadLetter, b: DeadLetter): number {
  return a.sentAt - b.sentAt || (a.id < b.id ? -1 : 1);
}
