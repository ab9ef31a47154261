import type * as z from 'zod';
import type { Authorize } from '../core/call.ts';
import { type Input, parseInput } from './parameters.ts';
import type { Service, WireRequest } from './service.ts';

/** One request to one operation, with all that the operation needs to answer it. */
export interface Exchange<State, Parameters, Target> {
  /** What the operations of the service work on. */
  readonly service: State;
  readonly input: Parameters;
  /** What `find` found. */
  readonly target: Target;
  readonly request: WireRequest;
}

/** One of which it is not known yet whether its target exists. */
export type Asked<State, Parameters> = Omit<Exchange<State, Parameters, never>, 'target'>;

interface Permission {
  readonly action: string;
  /** ARN of what the action is needed on, or of everything that it is needed on. */
  readonly resource: string | readonly string[];
}

/** In place of an action, where AWS asks for no permission. */
export const anyone = Symbol('anyone');

/** What the caller needs ("Service Authorization Reference"). */
type Needs<Exchange> =
  | { readonly action: typeof anyone }
  | {
      readonly action: string;
      readonly resource: (exchange: Exchange) => Permission['resource'];
      /** Permissions that it takes beside the first. */
      readonly also?: (exchange: Exchange) => readonly Permission[];
    };

/** An operation as data: what it takes, what its caller needs, and what it does. */
export type Operation<State, Answer, Schema extends Input = Input, Target = unknown> = Needs<
  Exchange<State, z.output<Schema>, Target>
> & {
  readonly input: Schema;
  /** Finds what the operation is about, or refuses; before the caller's permission is asked for, which names it. */
  readonly find?: (asked: Asked<State, z.output<Schema>>) => Target;
  readonly run: (exchange: Exchange<State, z.output<Schema>, Target>) => Promise<Answer> | Answer;
};

/** What an operation answers; nothing is an empty document. */
export type Document = object | Promise<void>;

/** A service that tells its operations, by name. */
export interface DescribedService<Described = Pick<Operation<never, unknown>, 'input' | 'action'>>
  extends Service {
  readonly operations: Readonly<Record<string, Described>>;
}

/** Makes operations of a service; each answers with a document, unless the service speaks REST. */
export const operationOf =
  <State, Answer = Document, Rest = unknown>() =>
  <Schema extends Input, Target>(made: Operation<State, Answer, Schema, Target> & Rest) =>
    // `perform` hands it what `input` and `find` made.
    made as Operation<State, Answer> & Rest;

/** Makes operations on what `find` finds, each of which needs its own action on it. */
export const operationsOn =
  <State, Parameters, Target>(
    find: (asked: Asked<State, Parameters>) => Target,
    resource: (exchange: Exchange<State, Parameters, Target>) => Permission['resource'],
  ) =>
  <Schema extends z.ZodType<Parameters>>(
    action: string,
    input: Schema,
    run: Operation<State, Document, Schema, Target>['run'],
  ) =>
    operationOf<State>()<Schema, Target>({ action, input, find, resource, run });

/**
 * Reads the input, finds what it is about, asks for every permission that the operation names, and only then runs it: in
 * this order and here alone, so that no operation can forget one.
 *
 * @throws ServiceError, ZodError for input that doesn't fit
 */
export async function perform<State extends { readonly authorize: Authorize }, Answer>(
  name: string,
  operation: Operation<State, Answer>,
  { service, request, input }: Asked<State, unknown>,
): Promise<Answer> {
  const asked = { service, request, input: parseInput(name, operation.input, input) };
  const exchange = { ...asked, target: operation.find?.(asked) };
  for (const { action, resource } of permissions(operation, exchange))
    for (const each of [resource].flat())
      await service.authorize({ caller: request.caller, operation: name, action, resource: each });
  return operation.run(exchange);
}

function permissions<Exchange>(needs: Needs<Exchange>, exchange: Exchange): readonly Permission[] {
  if (needs.action === anyone) return [];
  return [{ ...needs, resource: needs.resource(exchange) }, ...(needs.also?.(exchange) ?? [])];
}
