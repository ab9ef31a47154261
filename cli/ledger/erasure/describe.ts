import { erasedBuckets } from '../../../domain/operations/erasure.ts';
import type { Target } from '../../target/target.ts';
import { bytes, count, integer, printable, table } from '../../terminal/terminal.ts';
import type { Inventory } from './inventory.ts';

/** What one bucket has. */
export interface BucketTotals {
  readonly place: string;
  readonly objects: number;
  /** Delete markers included. */
  readonly versions: number;
  readonly bytes: number;
}

export function bucketTotals({ versions }: Inventory): BucketTotals[] {
  return erasedBuckets.map((place) => {
    const own = versions.filter((each) => each.place === place);
    return {
      place,
      objects: new Set(own.map(({ key }) => key)).size,
      versions: own.length,
      bytes: own.reduce((sum, { size = 0 }) => sum + size, 0),
    };
  });
}

/** What there is outside of the buckets' own files, in numbers. */
export function otherTotals({ uploads, published, messages, rows, copies }: Inventory) {
  return {
    uploads: uploads.length,
    published: published.length,
    messages,
    ...(rows && { rows: Object.fromEntries(rows) }),
    copies: copies.length,
  };
}

export function describeInventory(inventory: Inventory): string {
  const { uploads, published, messages, rows, copies } = inventory;
  const others = [
    ...[...(rows ?? [])].map(([name, n]) => `${count(n, 'row')} of ${printable(name)} in MySQL`),
    ...(messages > 0 ? [`${count(messages, 'message')} in DLQs and undelivered queues`] : []),
    ...(uploads.length > 0 ? [`${count(uploads.length, 'unfinished upload')}`] : []),
    ...(published.length > 0
      ? [`${count(published.length, 'file')} of copies of rejects and objects, which are made anew`]
      : []),
    ...(copies.length > 0
      ? [`${count(copies.length, 'copy', 'copies')} of files of the lake on this machine`]
      : []),
  ];
  const buckets = table(bucketTotals(inventory), [
    { title: 'BUCKET', value: ({ place }) => place },
    { title: 'OBJECTS', value: ({ objects }) => integer(objects), align: 'right' },
    { title: 'VERSIONS', value: ({ versions }) => integer(versions), align: 'right' },
    { title: 'BYTES', value: (each) => bytes(each.bytes), align: 'right' },
  ]);
  return [buckets, ...others.map((each) => `and ${each}`)].join('\n');
}

/** Something that a run can't erase, and how long it lives. */
export interface Elsewhere {
  readonly what: string;
  readonly lives: string;
}

/** What no run erases. docs/maintenance/erasure.md has the reasons. */
export function elsewhere({ outputs, control }: Target, withMysql: boolean): Elsewhere[] {
  const isOnAws = control === undefined;
  const onAws: Elsewhere[] = [
    ...(outputs.mysql === undefined
      ? []
      : [
          { what: 'automatic backups of the database', lives: 'for .backupRetention days (7 by default)' },
          { what: 'snapshots of the database that somebody made', lives: 'until somebody deletes them' },
        ]),
    {
      what: 'results of queries in Athena',
      lives: 'until somebody deletes them from the workgroup’s bucket',
    },
    {
      what: 'S3’s access logs and CloudTrail’s events of the buckets, with keys, if the stack records them',
      lives: 'for .expiry days (90 by default), and then as old versions for sluice:oldVersionExpiry days',
    },
    { what: 'executions of the state machines, with keys', lives: 'for 90 days' },
    { what: 'messages of the crawl queue, with names of files', lives: 'for 14 days at most' },
  ];
  return [
    ...(withMysql ? [] : [{ what: 'rows in MySQL, because of --no-mysql', lives: 'until a run without it' }]),
    {
      what: 'logs of the functions, with keys and error messages',
      lives: isOnAws
        ? 'for sluice:logRetention days (30 by default)'
        : 'until somebody deletes logs/ in the directory of the local cloud',
    },
    {
      what: 'redrives/ and reports/ of the failed bucket, with keys and error messages',
      lives: 'until somebody deletes these files, and all their versions',
    },
    { what: 'copies that npx sluice query made on other machines', lives: 'until the next query there' },
    ...(isOnAws
      ? onAws
      : [
          {
            what: 'bytes on this disk, in packs of the local S3 with other objects and in the log of MySQL',
            lives: 'until they are written over, or somebody deletes the directory of the local cloud',
          },
        ]),
    {
      what: 'a hash of the key, in the record of this run and in sluice_objects of MySQL',
      lives: 'for good',
    },
  ];
}
