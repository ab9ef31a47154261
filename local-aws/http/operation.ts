import type * as z from 'zod';
import type { Authorize, Call } from '../core/call.ts';
import { type Input, parseInput } from './parameters.ts';
import type { Service, WireRequest } from './service.ts';

/** One request to one operation, with everything needed to answer it. */
export interface Exchange<State, Parameters, Target> {
  /** The service's state. */
  readonly service: State;
  readonly input: Parameters;
  /** The result of `find`. */
  readonly target: Target;
  readonly request: WireRequest;
}

/** An exchange before its target has been looked up. */
export type Asked<State, Parameters> = Omit<Exchange<State, Parameters, never>, 'target'>;

interface Permission {
  readonly action: string;
  /** The ARN, or ARNs, that the permission is needed on. */
  readonly resource: string | readonly string[];
  /** Further condition keys of the call, lower-case. */
  readonly context?: Call['context'];
}

/** Used instead of an action if AWS requires no permission. */
export const anyone = Symbol('anyone');

/** The permissions that the caller needs ("Service Authorization Reference"). */
type Needs<Exchange> =
  | { readonly action: typeof anyone }
  | {
      readonly action: string;
      readonly resource: (exchange: Exchange) => Permission['resource'];
      readonly context?: (exchange: Exchange) => Permission['context'];
      /** Permissions needed besides the first. */
      readonly also?: (exchange: Exchange) => readonly Permission[];
    };

/** An operation as data: its input, the permissions of its caller, and its effect. */
export type Operation<State, Answer, Schema extends Input = Input, Target = unknown> = Needs<
  Exchange<State, z.output<Schema>, Target>
> & {
  readonly input: Schema;
  /** Looks up the target, or refuses. It runs before authorization, which needs the target's ARN. */
  readonly find?: (asked: Asked<State, z.output<Schema>>) => Target;
  readonly run: (exchange: Exchange<State, z.output<Schema>, Target>) => Promise<Answer> | Answer;
};

/** A service that tells its operations, by name. */
export type DescribedService<Described = Pick<Operation<never, unknown>, 'input' | 'action'>> = Service & {
  readonly operations: Readonly<Record<string, Described>>;
};

/** Defines operations of a service; each answers with a document, unless the service uses REST. */
export const operationOf =
  <State, Answer = object, Rest = unknown>() =>
  <Schema extends Input, Target>(made: Operation<State, Answer, Schema, Target> & Rest) =>
    // `perform` passes it the results of `input` and `find`.
    made as Operation<State, Answer> & Rest;

/** Defines operations on the result of `find`, each of which needs its action on it. */
export const operationsOn =
  <State, Parameters, Target>(
    find: (asked: Asked<State, Parameters>) => Target,
    resource: (exchange: Exchange<State, Parameters, Target>) => Permission['resource'],
  ) =>
  <Schema extends z.ZodType<Parameters>>(
    action: string,
    input: Schema,
    run: Operation<State, object, Schema, Target>['run'],
  ) =>
    operationOf<State>()<Schema, Target>({ action, input, find, resource, run });

/**
 * Makes operations that need their action on everything there is, since they are about nothing in particular.
 */
export const operationsOnAll = <State>() =>
  operationsOn(
    (_: Asked<State, unknown>) => undefined,
    () => '*',
  );

/**
 * Reads the input, looks up the target, authorizes every permission that the operation needs, and only then
 * runs it. The order is fixed here, so no operation can skip a check.
 *
 * @throws ServiceError, and ZodError for invalid input
 */
export async function perform<State extends { readonly authorize: Authorize }, Answer>(
  name: string,
  operation: Operation<State, Answer>,
  { service, request, input }: Asked<State, unknown>,
): Promise<Answer> {
  const asked = { service, request, input: parseInput(name, operation.input, input) };
  const exchange = { ...asked, target: operation.find?.(asked) };
  const { caller } = request;
  for (const { action, resource, context } of permissions(operation, exchange))
    for (const each of [resource].flat())
      await service.authorize({
        caller,
        operation: name,
        action,
        resource: each,
        ...(context && { context }),
      });
  return operation.run(exchange);
}

function permissions<Exchange>(needs: Needs<Exchange>, exchange: Exchange): readonly Permission[] {
  if (needs.action === anyone) return [];
  const { action } = needs;
  const first = { action, resource: needs.resource(exchange), context: needs.context?.(exchange) };
  return [first, ...(needs.also?.(exchange) ?? [])];
}
