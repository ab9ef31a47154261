import { GetObjectCommand } from '@aws-sdk/client-s3';
import * as z from 'zod';
import {
  objectId,
  parseFailedKey,
  parsePartKey,
  parseProcessedKey,
  versionSegment,
} from '../../domain/key-layout.ts';
import { type Head, head } from '../../domain/ledger.ts';
import { rejectLine } from '../../domain/reject.ts';
import { readText } from '../../ops/ledger.ts';
import { listObjects } from '../../ops/listing.ts';
import type { Target } from '../../ops/target.ts';
import { type Change, linesOf, outcomeOf, rejectsOf, rowsOf } from '../simulation/specification.ts';

const fault = z.object({ code: z.string() });

/** What is found of one object. */
interface Found {
  head: Head | undefined;
  readonly rows: string[];
  readonly archived: string[];
  readonly rejects: string[];
  readonly faults: string[];
  /** Of everything but the ledger. */
  readonly versions: Set<string>;
}

/** Holds what the buckets hold against what was done to the raw bucket. @returns what differs, each named */
export async function judge(target: Target, history: readonly Change[]): Promise<string[]> {
  const found = await readAll(target);
  const findings: string[] = [];
  const check = (what: string, is: unknown, should: unknown) => {
    const [one, other] = [JSON.stringify(is), JSON.stringify(should)];
    if (one !== other) findings.push(`${what}: is ${one}, must be ${other}`);
  };
  for (const [key, changes] of Map.groupBy(history, (change) => change.key)) {
    const { shown, rejected } = outcomeOf(changes);
    const { head, rows, archived, rejects, faults, versions } = found.get(objectId(key)) ?? nothing();
    const standing = [shown, rejected].filter((upload) => upload !== undefined);
    check(`rows of ${key}`, rows.sort(), shown ? rowsOf(shown).sort() : []);
    check(`archived rows of ${key}`, archived.sort(), shown ? rowsOf(shown).sort() : []);
    check(`rejects of ${key}`, rejects.sort(), standing.flatMap(rejectsOf).sort());
    check(`faults of ${key}`, faults.sort(), standing.flatMap((upload) => upload.fault ?? []).sort());
    check(`what ${key} shows`, head?.current?.type === 'created', shown !== undefined);
    check(
      `attempts at ${key}`,
      head?.attempts.map(({ status }) => status),
      rejected ? ['rejected'] : [],
    );
    check(`superseded versions of ${key}`, head?.superseded, []);
    const names = [head?.current, ...(head?.attempts ?? [])].map(
      (each) => each && versionSegment(each.versionId),
    );
    check(
      `what is left of other versions of ${key}`,
      [...versions].filter((each) => !names.includes(each)),
      [],
    );
  }
  const known = new Set(history.map(({ key }) => objectId(key)));
  check(
    'objects that nobody put',
    [...found.keys()].filter((id) => !known.has(id)),
    [],
  );
  return findings;
}

const nothing = (): Found => ({
  head: undefined,
  rows: [],
  archived: [],
  rejects: [],
  faults: [],
  versions: new Set(),
});

async function readAll(target: Target): Promise<Map<string, Found>> {
  const { buckets } = target.outputs;
  const all = new Map<string, Found>();
  const of = (id: string): Found => {
    const found = all.get(id) ?? nothing();
    all.set(id, found);
    return found;
  };
  for (const purpose of ['processed', 'archive'] as const) {
    for await (const { Key } of listObjects(target, buckets[purpose])) {
      const address = parseProcessedKey(Key);
      if (address === undefined) continue;
      const { Body } = await target.s3.send(new GetObjectCommand({ Bucket: buckets[purpose], Key }));
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      const found = of(address.objectId);
      found[purpose === 'processed' ? 'rows' : 'archived'].push(
        ...(await linesOf(bytes, address.partitionPath)),
      );
      found.versions.add(address.version);
    }
  }
  for await (const { Key } of listObjects(target, buckets.temp)) {
    const address = parsePartKey(Key);
    if (address !== undefined) of(address.objectId).versions.add(address.version);
  }
  for await (const { Key } of listObjects(target, buckets.failed)) {
    const address = parseFailedKey(Key);
    // Notes of what was given up for a while stay until the version goes.
    if (address === undefined || address.kind === 'gave-up') continue;
    const found = of(address.objectId);
    found.versions.add(address.version);
    const text = await readText(target, buckets.failed, Key);
    if (address.kind === 'faults') found.faults.push(fault.parse(JSON.parse(text)).code);
    else found.rejects.push(...text.trimEnd().split('\n').map(rejectOf));
  }
  for await (const { Key } of listObjects(target, buckets.ledger, 'heads/')) {
    const known = head.parse(JSON.parse(await readText(target, buckets.ledger, Key)));
    of(objectId(known.key)).head = known;
  }
  return all;
}

function rejectOf(line: string): string {
  const { recordNumber, code } = rejectLine.parse(JSON.parse(line));
  return `${recordNumber} ${code}`;
}
