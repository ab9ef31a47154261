import { versionSegment } from '../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../domain/versions/ledger.ts';
import { parseRevision } from '../../domain/versions/revision.ts';
import type { Code } from './code.ts';
import {
  type Change,
  difference,
  differenceOfRows,
  type Outcome,
  outcomeOf,
  type Put,
  rejectsOf,
} from './model.ts';
import { type AllFound, type Found, hashOf, nothing } from './sinks.ts';

/**
 * Holds what every sink holds against what was done to the raw bucket.
 *
 * @param allowed the codes of which rows may be
 * @returns what differs, each named
 */
export function judge(found: AllFound, history: readonly Change[], allowed: readonly Code[]): string[] {
  const findings: string[] = [];
  const keys = Map.groupBy(history, ({ key }) => key);
  for (const [key, changes] of keys) {
    const of = found.get(hashOf(key)) ?? nothing();
    findings.push(...judgeKey(of, outcomeOf(changes), allowed).map((finding) => `${key}: ${finding}`));
  }
  const known = new Set([...keys.keys()].map(hashOf));
  const strangers = [...found].filter(([hash]) => !known.has(hash));
  return [...findings, ...strangers.map((stranger) => `nobody put this: ${JSON.stringify(stranger)}`)];
}

function judgeKey(found: Found, outcome: Outcome, allowed: readonly Code[]): string[] {
  const findings: string[] = [];
  const { entry } = found;
  const shown = outcome.shown.find((each) => each?.versionId === shownBy(entry));
  if (shown === undefined && !outcome.shown.includes(undefined))
    return [`shows ${shownBy(entry)}, must show ${outcome.shown.map((each) => each?.versionId)}`];
  if (shown === undefined && shownBy(entry) !== undefined)
    findings.push(`shows ${shownBy(entry)}, must show nothing`);
  const filtered = filteredOf(found);
  for (const sink of ['lake', 'archive', 'mysql'] as const) {
    const rows = found[sink];
    const differs =
      shown === undefined
        ? differenceOfRows(rows, [])
        : difference(shown.upload, { rows, filtered }, allowed);
    if (differs !== undefined) findings.push(`${sink} ${differs}`);
    const fromLake = differenceOfRows(rows, found.lake);
    if (fromLake !== undefined) findings.push(`${sink} is not as the lake: ${fromLake}`);
  }
  return [...findings, ...judgeTraces(found, outcome, shown)];
}

/** What is left of records and versions that are no rows. */
function judgeTraces(found: Found, { rejected, removed }: Outcome, shown: Put | undefined): string[] {
  const findings: string[] = [];
  const check = (what: string, is: readonly unknown[], should: readonly unknown[]) => {
    const [one, other] = [is, should].map((each) => JSON.stringify([...each].sort()));
    if (one !== other) findings.push(`${what} are ${one}, must be ${other}`);
  };
  const { entry } = found;
  const attempts = entry?.attempts ?? [];
  const notFound =
    rejected === undefined ? attempts.filter((each) => removed.has(plain(each.versionId))) : [];
  const standing = [shown, rejected].flatMap((put) => put ?? []);
  const faults = standing.flatMap(({ upload }) => upload.fault ?? []);
  check(
    'rejects',
    found.rejects,
    standing.flatMap(({ upload }) => rejectsOf(upload)),
  );
  check('faults', found.faults, [...faults, ...notFound.map(() => 'version_not_found')]);
  check(
    'attempts',
    attempts.map(({ status, versionId }) => `${status} ${plain(versionId)}`),
    [...(rejected ? [rejected] : []), ...notFound].map(({ versionId }) => `rejected ${plain(versionId)}`),
  );
  check('superseded versions', entry?.superseded ?? [], []);
  const names = [entry?.current, ...attempts].flatMap((each) =>
    each ? [versionSegment(each.versionId)] : [],
  );
  check(
    'things of other versions',
    [...found.versions].filter((each) => !names.includes(each)),
    [],
  );
  return findings;
}

const plain = (name: string) => parseRevision(name).versionId;

function shownBy(entry: LedgerEntry | undefined): string | undefined {
  return entry?.current?.type === 'created' ? plain(entry.current.versionId) : undefined;
}

function filteredOf({ entry, filtered }: Found): Readonly<Record<string, number>> {
  return filtered.get(versionSegment(entry?.current?.versionId ?? '')) ?? {};
}
