import { limits as partLimits } from '../records/part.ts';
import { type Stage, stages } from '../stage.ts';
import type { Billed } from './at-rest.ts';
import { type Position, positions } from './position.ts';
import { prices } from './prices.ts';

/** What is uploaded in a month. */
export interface Load {
  readonly objects: number;
  /** Of an object, on average. */
  readonly records: number;
  /** Of an object, on average, uncompressed. */
  readonly bytes: number;
  /** Into how many partitions the rows of a part fall, on average. */
  readonly partitions: number;
}

/** Bytes of a record of the examples. */
export const recordBytes = 1_200;

/** How much the stages did. */
export interface Work {
  readonly messages: Readonly<Record<Stage, number>>;
  /** How many objects were transformed in place: there is no message for their transformation. */
  readonly inPlace: number;
  /** Of the lake. */
  readonly files: number;
  /** Those of versions that have several. */
  readonly partsOfSeveral: number;
  readonly records: number;
  /** Whether loading reads each file for MySQL. */
  readonly mysql: boolean;
}

/** S3 requests by what they cost: PUT, COPY and LIST; GET and HEAD. Deletions are free. */
export interface Requests {
  readonly writes: number;
  readonly reads: number;
}

/**
 * S3 requests of a message. Each part is loaded once, so with loading is what each costs, whoever makes it,
 * with one file of the lake; with the transformation is what a part costs more that was not transformed in
 * place. That of the entry that a version is published, and that all is loaded, is with the commit, since
 * each is once an object. The table's metadata is known from the commit before. test/handlers/cost.test.ts
 * counts them.
 */
export const requestsOfMessage: Readonly<Record<Stage, Requests>> = {
  extraction: { writes: 3, reads: 0 },
  transformation: { writes: 2, reads: 2 },
  commit: { writes: 6, reads: 1 },
  loading: { writes: 4, reads: 3 },
};

/**
 * A part takes so many more if its version has several. Its transformation and its loading each list the
 * receipts afterwards, and look for its own before; the entry tells neither that nor its files, which commit
 * and loading read; and loading reads the entry once more.
 */
const moreOfSeveral: Requests = { writes: 2, reads: 5 };

/** Of each further file of the lake: its PUT, and its copy in the archive. With MySQL, loading reads each. */
const writesOfFile = 2;
const readsOfMysql = 1;

/** The usual latency of small requests (S3 guide, "Best Practices Design Patterns": tens of milliseconds). */
const requestSeconds = 0.03;

/** Of extraction and transformation, for a million records of 1.2 KB: docs/benchmarks.md. */
const processorSecondsPerMillion = 6 + 24;
/** Lambda gives a processor to this many MB (Lambda guide, "configuration-function-memory"). */
const processorMb = 1_769;

/** Bytes that a message leaves in the function's log; test/pipeline/cost.test.ts measures them. */
export const logBytes: Readonly<Record<Stage, number>> = {
  extraction: 2_100,
  transformation: 2_200,
  commit: 2_200,
  loading: 2_200,
};
/** And that of an extraction so many more if it transforms in place. */
export const logBytesInPlace = 1_560;

/** A message is sent, received and deleted. */
const queueRequests = 3;
/** X-Ray's default rule keeps this share of the traces. */
const tracedShare = 0.05;

/** What a load makes the stages do, if nothing fails and each key comes once. */
export function workOf({ objects, records, bytes, partitions }: Load, mysql: boolean): Work {
  const parts = Math.max(
    1,
    Math.ceil(records / partLimits.partRecords),
    Math.ceil(bytes / partLimits.partBytes),
  );
  const inPlace = parts === 1 && bytes <= partLimits.inPlaceBytes ? objects : 0;
  const messages = {
    extraction: objects,
    transformation: objects * parts - inPlace,
    commit: objects,
    loading: objects * parts,
  };
  return {
    messages,
    inPlace,
    files: objects * parts * partitions,
    partsOfSeveral: parts > 1 ? objects * parts : 0,
    records: objects * records,
    mysql,
  };
}

/** What the stages did, added up. */
export interface Totals {
  readonly messages: number;
  readonly requests: Requests;
  /** GB-seconds that functions wait for S3. */
  readonly waiting: number;
  /** Bytes. */
  readonly logs: number;
}

export function totalsOf(
  { messages, inPlace, files, partsOfSeveral, mysql }: Work,
  memory: Billed['memory'],
): Totals {
  const of = stages.map((stage) => {
    const requests = requestsOfMessage[stage];
    return {
      count: messages[stage],
      requests,
      waiting: waitingFor(requests, memory[stage]),
      logs: logBytes[stage],
    };
  });
  const others = {
    // What is transformed in place has one receipt for both stages.
    writes: (files - messages.loading) * writesOfFile + partsOfSeveral * moreOfSeveral.writes - inPlace,
    // All parts but the first are read from the object, unless that is compressed.
    reads:
      messages.loading -
      messages.extraction +
      partsOfSeveral * moreOfSeveral.reads +
      (mysql ? files * readsOfMysql : 0),
  };
  const sum = (value: (each: (typeof of)[number]) => number) =>
    of.reduce((all, each) => all + each.count * value(each), 0);
  return {
    messages: sum(() => 1),
    requests: {
      writes: sum((each) => each.requests.writes) + others.writes,
      reads: sum((each) => each.requests.reads) + others.reads,
    },
    waiting: sum((each) => each.waiting) + waitingFor(others, memory.loading),
    logs: sum((each) => each.logs) + inPlace * logBytesInPlace,
  };
}

/** GB-seconds of a function with so many MB. */
function waitingFor({ writes, reads }: Requests, memory: number): number {
  return ((writes + reads) * requestSeconds * memory) / 1_024;
}

const estimated = positions('estimated');

export const costOfRequests = (
  { writes, reads }: Requests,
  { dataEvents = false }: Pick<Billed, 'dataEvents'>,
): Position[] => [
  estimated('S3', 'PUT, COPY, LIST', writes, prices.s3Write),
  estimated('S3', 'GET, HEAD', reads, prices.s3Read),
  ...(dataEvents
    ? [estimated('CloudTrail', 'events of these requests', writes + reads, prices.dataEvent)]
    : []),
];

export const costOfTraces = (calls: number): Position =>
  estimated('X-Ray', 'traces, 5 % of the calls', calls * tracedShare, prices.trace);

/** Estimates what work costs, if each call takes one message. */
export function costOfWork(work: Work, stack: Billed): Position[] {
  const { messages, requests, waiting, logs } = totalsOf(work, stack.memory);
  const computing = ((work.records / 1e6) * processorSecondsPerMillion * processorMb) / 1_024;
  return [
    ...costOfRequests(requests, stack),
    estimated('Lambda', 'duration', waiting + computing, prices.gigabyteSecond),
    estimated('Lambda', 'calls', messages, prices.invocation),
    estimated('CloudWatch', 'logs', logs / 1e9, prices.logs),
    estimated('SQS', 'requests', messages * queueRequests, prices.queueRequest),
    costOfTraces(messages),
  ];
}

/** Estimates what it costs to process objects that are stored already. */
export function costOfProcessing(
  {
    objects,
    records,
    bytes,
    files,
  }: Pick<Load, 'objects' | 'records' | 'bytes'> & { readonly files: number },
  stack: Billed,
): Position[] {
  if (objects === 0) return [];
  const average = { objects, records: records / objects, bytes: bytes / objects, partitions: 1 };
  const work = workOf(average, stack.database !== undefined);
  return costOfWork({ ...work, files: Math.max(files, work.files) }, stack);
}

/** Estimates what a month's load costs. */
export function costOfLoad(load: Load, stack: Billed): Position[] {
  const stored = (load.objects * load.bytes) / 1e9;
  return [
    ...costOfWork(workOf(load, stack.database !== undefined), stack),
    estimated('S3', 'raw objects, each month that they stay', stored, prices.s3Storage),
  ];
}
