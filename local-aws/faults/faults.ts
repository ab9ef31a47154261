import * as z from 'zod';
import type { Call } from '../core/call.ts';
import { badRequest, ServiceError } from '../core/service-error.ts';
import type { DeliveryFault } from '../events/delivery-fault.ts';
import { denied } from '../iam/denied.ts';

/** Selects the matching calls that a fault hits. */
const aim = z.strictObject({
  /** Only calls of the function with this name. */
  function: z.string().optional(),
  /** Only on the resource with this ARN or within it: a bucket, a queue, or `…:::bucket/some/prefix`. */
  resource: z.string().startsWith('arn:').optional(),
  /** Number of matches to let pass first. */
  skip: z.int().min(0).default(0),
  /** Number of hits before the fault ends; null: until it is cleared. */
  times: z.int().min(1).nullable().default(1),
  /** Probability of each hit. The seed makes the choices repeatable. */
  share: z.number().gt(0).max(1).default(1),
  seed: z.int().default(1),
});
const calls = aim.extend({
  operation: z.string().regex(/^[A-Z][A-Za-z0-9]+$/, 'is not the name of an operation such as PutObject'),
});
const when = z.enum(['before', 'after']).default('before');
const sendings = aim.omit({ function: true }).extend({ of: z.enum(['events', 'messages']) });
const delayMs = z.int().min(1).max(900_000);

/** A request for a fault. */
export const faultRequest = z.discriminatedUnion('kind', [
  calls.extend({
    kind: z.literal('answer'),
    status: z.literal([400, 403, 409, 412, 500, 503]),
  }),
  /** Closes the connection without an answer; `after` the call has taken effect. */
  calls.extend({ kind: z.literal('close'), when }),
  /**
   * Kills the calling function's process; `after` the call has taken effect, before the process learns so.
   */
  calls.extend({ kind: z.literal('kill'), when }),
  sendings.extend({ kind: z.literal('duplicate'), copies: z.int().min(1).max(100).default(1) }),
  sendings.extend({ kind: z.literal('delay'), delayMs }),
  /** Delays every other message or event, so that the next one overtakes it. */
  sendings.extend({ kind: z.literal('reorder'), delayMs: delayMs.default(1000) }),
]);
export type FaultRequest = z.input<typeof faultRequest>;
type Asked = z.output<typeof faultRequest>;
type CallFault = Extract<Asked, { operation: string }>;

/** A fault with its counts so far. */
export type Fault = Asked & {
  readonly id: string;
  /** The number of matching calls, events or messages. */
  readonly seen: number;
  readonly hits: number;
  readonly ended: boolean;
};

/** An event or a message in delivery to a queue. */
export interface Sending {
  readonly of: 'events' | 'messages';
  /** ARNs of its origin and destination: an event's bucket, the queue. */
  readonly resources: readonly string[];
}

/** Access to the functions, for faults. */
export interface FaultyFunctions {
  /** The name of the function with this role. */
  readonly functionOf: (role: string) => string | undefined;
  /** Kills the function process with this session. */
  readonly kill: (session: string) => void;
}

const noFunctions: FaultyFunctions = { functionOf: () => undefined, kill: () => {} };

interface Active {
  readonly id: string;
  readonly asked: Asked;
  readonly random: () => number;
  seen: number;
  hits: number;
}

/** An HTTP request. It may be checked several times: for several permissions, or for each of many keys. */
interface UnderWay {
  /** The faults that have counted it. */
  readonly counted: Set<Active>;
  readonly session: string | undefined;
  /** The fault that hit it. */
  fault?: Asked | undefined;
}

/**
 * The injected faults: decides what happens to each call, event and message, and counts. Kept in memory only.
 */
export class Faults {
  #functions = noFunctions;
  readonly #active = new Map<string, Active>();
  readonly #underWay = new Map<string, UnderWay>();
  #lastId = 0;

  /**
   * Enables faults of these functions. The functions' own calls are checked here, so they are created later.
   */
  aimAt(functions: FaultyFunctions): void {
    this.#functions = functions;
  }

  /** @throws ServiceError for an error that AWS never answers */
  add(asked: Asked): Fault {
    if (asked.kind === 'answer') mustBeAnswered(asked);
    this.#lastId += 1;
    const fault = { id: `${this.#lastId}`, asked, random: seeded(asked.seed), seen: 0, hits: 0 };
    this.#active.set(fault.id, fault);
    return described(fault);
  }

  /** All faults, including ended ones. */
  list(): Fault[] {
    return [...this.#active.values()].map(described);
  }

  /**
   * Removes these faults, by default all, and returns what they were.
   * @throws ServiceError if there is no such fault
   */
  clear(ids: readonly string[] = [...this.#active.keys()]): Fault[] {
    const unknown = ids.find((id) => !this.#active.has(id));
    if (unknown !== undefined)
      throw new ServiceError('ResourceNotFoundException', 404, `There is no fault ${unknown}.`);
    const cleared = this.list().filter(({ id }) => ids.includes(id));
    for (const id of ids) this.#active.delete(id);
    return cleared;
  }

  /**
   * Checks whether a fault hits an authorized call. A fault counts a request once, however many permissions
   * it needs.
   *
   * @throws ServiceError the injected error
   */
  check(call: Call): void {
    const { request, session } = call.caller;
    if (this.#active.size === 0 && this.#underWay.size === 0) return;
    const known = request === undefined ? undefined : this.#underWay.get(request);
    const underWay: UnderWay = known ?? { counted: new Set(), session };
    if (request !== undefined) this.#underWay.set(request, underWay);
    underWay.fault ??= this.#hit(
      (asked) => 'operation' in asked && this.#concerns(asked, call),
      underWay.counted,
    );
    const { fault } = underWay;
    if (fault === undefined) return;
    if (fault.kind === 'answer') throw refusal(fault.status, call);
    if (!('when' in fault) || fault.when === 'after') return;
    if (fault.kind === 'kill' && session !== undefined) this.#functions.kill(session);
    // An HTTP client never sees this, since interrupts() is asked next.
    throw new Error(`The connection was closed before ${call.operation} by an injected fault.`);
  }

  /**
   * Whether to cut a request's connection instead of answering. Called once, before the answer is sent; ends
   * the request.
   */
  interrupts(request: string): boolean {
    const { fault, session } = this.#underWay.get(request) ?? {};
    this.#underWay.delete(request);
    if (fault === undefined || fault.kind === 'answer') return false;
    if (fault.kind === 'kill' && session !== undefined) this.#functions.kill(session);
    return true;
  }

  /** The fault of an event or a message in delivery. */
  send({ of, resources }: Sending): DeliveryFault | undefined {
    if (this.#active.size === 0) return undefined;
    const fault = this.#hit(
      (asked) =>
        'of' in asked && asked.of === of && resources.some((resource) => lies(resource, asked.resource)),
    );
    if (fault?.kind === 'duplicate') return { duplicate: fault.copies };
    return fault && 'delayMs' in fault ? { delayMs: fault.delayMs } : undefined;
  }

  #concerns(asked: CallFault, { caller, operation, resource }: Call): boolean {
    if (asked.operation !== operation || !lies(resource, asked.resource)) return false;
    // Only a process can be killed, and only an HTTP request can be left without an answer.
    if (asked.kind === 'kill' && caller.session === undefined) return false;
    if ('when' in asked && asked.when === 'after' && caller.request === undefined) return false;
    return asked.function === undefined || this.#functions.functionOf(caller.principal) === asked.function;
  }

  /** The first fault that hits; all matching faults count the call, unless they are in `counted`. */
  #hit(matches: (asked: Asked) => boolean, counted = new Set<Active>()): Asked | undefined {
    let hit: Active | undefined;
    for (const fault of this.#active.values()) {
      if (hasEnded(fault) || counted.has(fault) || !matches(fault.asked)) continue;
      counted.add(fault);
      fault.seen += 1;
      if (hit || !isDue(fault)) continue;
      hit = fault;
      fault.hits += 1;
    }
    return hit?.asked;
  }
}

function isDue({ asked, seen, random }: Active): boolean {
  const turn = seen - asked.skip;
  if (turn < 1 || (asked.kind === 'reorder' && turn % 2 === 0)) return false;
  return asked.share === 1 || random() < asked.share;
}

const hasEnded = ({ asked: { times }, hits }: Active) => times !== null && hits >= times;

function described(fault: Active): Fault {
  const { id, asked, seen, hits } = fault;
  return { ...asked, id, seen, hits, ended: hasEnded(fault) };
}

function lies(resource: string, within: string | undefined): boolean {
  return within === undefined || `${resource}/`.startsWith(within.includes('/') ? within : `${within}/`);
}

/** "How to prevent object overwrites with conditional writes" (S3 user guide). */
const conditional = {
  409: ['ConditionalRequestConflict', 'A conflicting operation occurred during this request.'],
  412: ['PreconditionFailed', 'At least one of the pre-conditions you specified did not hold'],
} as const;
const internal = 'We encountered an internal error. Please try again.';
/** "Error responses" (S3 API reference) and "Common errors" of the other services. */
const ofS3 = {
  ...conditional,
  500: ['InternalError', internal],
  503: ['SlowDown', 'Please reduce your request rate.'],
} as const;
const ofOthers = {
  ...conditional,
  400: ['ThrottlingException', 'Rate exceeded'],
  500: ['InternalFailure', internal],
  503: ['ServiceUnavailable', 'The service is temporarily unavailable.'],
} as const;

/** @throws ServiceError for a status that AWS never answers to the operation */
function mustBeAnswered({
  operation,
  status,
}: {
  readonly operation: string;
  readonly status: number;
}): void {
  const isOfObjects = /Object|Upload|Part(?!ition)/.test(operation);
  if (status in conditional && !isOfObjects)
    throw badRequest('ValidationException', `${operation} never answers ${status}: only S3's writes do.`);
  if (status === 400 && (isOfObjects || operation.includes('Bucket')))
    throw badRequest('ValidationException', `${operation} is never throttled with 400: S3 answers 503.`);
}

function refusal(status: 403 | keyof typeof ofOthers, call: Call): ServiceError {
  const { action } = call;
  if (status === 403) return denied(call, `because no identity-based policy allows the ${action} action`);
  const [code, message] = action.startsWith('s3:') && status !== 400 ? ofS3[status] : ofOthers[status];
  return new ServiceError(code, status, message);
}

/** Mulberry32: pseudo-random numbers from 0 to 1 for a seed. */
function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
