import { randomBytes } from 'node:crypto';
import { VERIFICATION } from '../../../domain/dataset.ts';
import { limits } from '../../../domain/records/part.ts';

/** A probe object, and what must become of its records. */
export interface ProbeObject {
  readonly key: string;
  readonly body: string;
  readonly read: number;
  readonly written: number;
  readonly filtered: number;
  /** The number of each rejected record, and its code. */
  readonly rejects: readonly (readonly [record: number, code: string])[];
  /** The code of the object's own fault, if it has one. */
  readonly fault?: string;
}

/** The objects of one run. Their keys, and each of their rows, have its name. */
export interface ProbeObjects {
  readonly run: string;
  readonly prefix: string;
  /** Good, bad and filtered records. */
  readonly mixed: ProbeObject;
  /** Its next version, which replaces all of these. */
  readonly replacing: ProbeObject;
  /** One that is deleted. */
  readonly doomed: ProbeObject;
  /** One that holds no records. */
  readonly unreadable: ProbeObject;
  /** The rows that must be in the tables in the end, in the order of their ids. */
  readonly rows: readonly { readonly id: number; readonly text: string }[];
  readonly keys: readonly string[];
}

/** Where the probe objects of all runs are. */
export const probePrefix = `${VERIFICATION}/`;

export function probeObjects(run = randomBytes(6).toString('hex')): ProbeObjects {
  const prefix = `${probePrefix}${run}/`;
  const line = (id: number, text: string, more: object = {}) => JSON.stringify({ run, id, text, ...more });
  const rows = [
    { id: 1, text: 'the second version of the first record' },
    { id: 4, text: 'a quote " a comma , Grüße, 食譜' },
  ];
  const objects = {
    mixed: {
      key: `${prefix}records.ndjson`,
      body: [
        line(1, 'the first record'),
        line(2, 'the second record'),
        JSON.stringify({ run, id: 3 }),
        // Too large to be transformed in place: the transformation is to be seen too.
        line(3, 'left out'.padEnd(limits.inPlaceBytes), { leave_out: true }),
        `{"run":"${run}",}`,
      ].join('\n'),
      read: 5,
      written: 2,
      filtered: 1,
      rejects: [
        [3, 'missing_field'],
        [5, 'malformed_json'],
      ],
    },
    replacing: {
      key: `${prefix}records.ndjson`,
      body: rows.map(({ id, text }) => line(id, text)).join('\n'),
      read: 2,
      written: 2,
      filtered: 0,
      rejects: [],
    },
    doomed: {
      key: `${prefix}deleted.ndjson`,
      body: line(5, 'a record of a deleted object'),
      read: 1,
      written: 1,
      filtered: 0,
      rejects: [],
    },
    unreadable: {
      key: `${prefix}unreadable.json`,
      body: '<html>This is no JSON.</html>',
      read: 0,
      written: 0,
      filtered: 0,
      rejects: [],
      fault: 'unknown_format',
    },
  } satisfies Record<string, ProbeObject>;
  const keys = [...new Set(Object.values(objects).map(({ key }) => key)), lostKey(prefix)];
  return { run, prefix, ...objects, rows, keys };
}

/** The key of the poisonous message: no object was ever uploaded to it. */
export const lostKey = (prefix: string) => `${prefix}never-uploaded.ndjson`;
