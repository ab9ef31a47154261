import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { objectId } from '../../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import { isVersion } from '../../../domain/versions/revision.ts';
import type { Network, Party } from '../network.ts';

/** One invocation, as it is seen from outside. */
interface Invocation {
  readonly event: SQSEvent;
  readonly startedAt: number;
  readonly endsAt: number;
  /** What it reads, until its receipt is written: the version and its revision. */
  readonly read: Map<string, string>;
  /** The revisions that it has claimed: it may take a later one than its message asks for. */
  readonly claimed: string[];
  notes: number;
  troubles: number;
}

interface StageSettings {
  readonly maximumReceives: number;
  readonly timeoutSeconds: number;
}

/** The last share of an invocation's time, in which a message may come back because there is none left. */
const RESERVED_TIME = 0.25;

/** Sees what each invocation does, and says what none may ever do, whatever the end. */
export class Witness {
  readonly #network: Network;
  readonly #current = new Map<Party, Invocation>();
  /** All that ever began: until when they may hold a lease, and of which objects. */
  readonly #past: { readonly event: SQSEvent; readonly endsAt: number; readonly keys: Set<string> }[] = [];

  constructor(network: Network) {
    this.#network = network;
  }

  began(party: Party, event: SQSEvent, timeoutSeconds: number): void {
    const startedAt = this.#network.clock.now();
    const endsAt = startedAt + timeoutSeconds * 1000;
    this.#current.set(party, {
      event,
      startedAt,
      endsAt,
      read: new Map(),
      claimed: [],
      notes: 0,
      troubles: 0,
    });
    this.#past.push({ event, endsAt, keys: keysOf(event) });
  }

  /** A call came to nothing for good. */
  trouble(party: Party): void {
    const invocation = this.#current.get(party);
    if (invocation !== undefined) invocation.troubles += 1;
  }

  /** Somebody reads a version of an object, or what the seed says of it. */
  read(party: Party, bucket: string, key: string, versionId: string): void {
    // What one reads whose time is over does no harm.
    // A transformation reads some of a large object, and so does who outlines a segment of it.
    if (!bucket.includes('-raw-') || !this.#current.has(party) || !party.name.startsWith('extraction'))
      return;
    if (this.#current.get(party)?.event.Records.some(({ body }) => body.includes('"segment":'))) return;
    const now = this.#network.clock.now();
    const { skewMs } = this.#network;
    const claimed = this.#current.get(party)?.claimed.findLast((each) => isVersion(each, versionId));
    const version = `${key} ${claimed ?? versionId}`;
    for (const [other, { read, endsAt }] of this.#current) {
      // By so much the lease of one may have ended early for the clock of another.
      if (other !== party && other.alive && endsAt > now + skewMs && read.has(version))
        this.#violation(`${party.name} and ${other.name} extracted ${version} at the same time`);
    }
    this.#current.get(party)?.read.set(version, versionId);
  }

  /** Others may have taken over. */
  changes(party: Party, bucket: string): void {
    if (party.alive && !this.#current.has(party))
      this.#violation(`${party.name} changed ${bucket} when its time was over`);
  }

  /** @param entry of an object, if it is that which was written */
  wrote(party: Party, key: string, entry?: LedgerEntry): void {
    const invocation = this.#current.get(party);
    if (invocation === undefined) return;
    const messages = new Set(invocation.event.Records.map(({ messageId }) => messageId));
    for (const { message, versionId } of entry?.attempts ?? [])
      if (messages.has(message)) invocation.claimed.push(versionId);
    if (/^(gave-up|attempts)\//.test(key)) invocation.notes += 1;
    if (/^receipts\/.*\/extraction\.json$/.test(key))
      for (const [version, versionId] of invocation.read)
        if (key.includes(versionId)) invocation.read.delete(version);
    // Who has read of an object changes its entry when it has ended, or gives back its claim.
    if (key.startsWith('heads/'))
      for (const [version, versionId] of invocation.read) {
        const rawKey = version.slice(0, version.indexOf(` ${versionId}`));
        if (key.includes(objectId(rawKey))) invocation.read.delete(version);
      }
  }

  /** Only what had a reason may go back to the queue, and only with a note of it. */
  answered(party: Party, answer: unknown, { maximumReceives, timeoutSeconds }: StageSettings): void {
    const invocation = this.#current.get(party);
    this.#current.delete(party);
    if (invocation === undefined) return;
    const { event, startedAt, endsAt, troubles, notes } = invocation;
    const { batchItemFailures } = answer as {
      readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
    };
    const back = event.Records.filter(({ messageId }) =>
      batchItemFailures.some(({ itemIdentifier }) => itemIdentifier === messageId),
    );
    const wasLate = this.#network.clock.now() > endsAt - RESERVED_TIME * timeoutSeconds * 1000;
    if (back.length === 0 || troubles > 0 || wasLate) return;
    const isNoted = ({ attributes }: SQSRecord) =>
      Number(attributes.ApproximateReceiveCount) >= Math.min(2, maximumReceives);
    // One before a repeated attempt is begun, since it may be killed, and one of each failure.
    const due = event.Records.filter(isNoted).length + back.length;
    if (notes < due) this.#violation(`${party.name} left ${notes} notes of attempts, must be ${due}`);
    const keys = keysOf(event);
    const { skewMs } = this.#network;
    const othersWorked = this.#past.some(
      (other) =>
        other.event !== event && other.endsAt + skewMs > startedAt && !other.keys.isDisjointFrom(keys),
    );
    const sound = back.filter(({ body }) => body.startsWith('{'));
    if (sound.length > 0 && !othersWorked)
      this.#violation(`${party.name} gave back ${sound.length} messages for no reason`);
  }

  /** It died, or its time was over: what it does from now on nobody waits for. */
  ended(party: Party): void {
    this.#current.delete(party);
  }

  #violation(line: string): void {
    this.#network.note(line);
    this.#network.violations.push(line);
  }
}

function keysOf({ Records }: SQSEvent): Set<string> {
  return new Set(Records.map(({ body }) => /"key":"[^"]*"/.exec(body)?.[0] ?? ''));
}
