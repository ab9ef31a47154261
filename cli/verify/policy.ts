import * as z from 'zod';

/** A call that AWS makes itself: an event that is delivered, or a key that is used for it. */
export interface ServiceCall {
  /** `events.amazonaws.com` */
  readonly service: string;
  readonly action: string;
  readonly resource: string;
  /** Condition keys in lower case. */
  readonly context: Readonly<Record<string, string>>;
}

const some = z.union([z.string(), z.array(z.string())]);
const statement = z.object({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Principal: z.union([z.literal('*'), z.record(z.string(), some)]).optional(),
  Action: some.optional(),
  NotAction: some.optional(),
  Resource: some.optional(),
  Condition: z.record(z.string(), z.record(z.string(), some)).optional(),
});
type Statement = z.infer<typeof statement>;
const document = z.object({ Statement: z.union([statement, z.array(statement)]) });

/**
 * Why a resource's policy does not let a service do something; `undefined` if it does. It knows the elements
 * that policies of queues and keys have (IAM guide, "Policy evaluation logic"). A condition that it does not
 * know never lets anything pass, and never stops anything.
 *
 * @param policy JSON text; `undefined` if the resource has none
 */
export function whyRefused(policy: string | undefined, call: ServiceCall): string | undefined {
  if (policy === undefined) return 'it has no policy';
  const parsed = document.safeParse(JSON.parse(policy));
  if (!parsed.success) return 'its policy is in a form that this check does not know';
  const statements = [parsed.data.Statement].flat();
  const denying = statements.find((each) => each.Effect === 'Deny' && applies(each, call));
  if (denying !== undefined) return `the statement ${denying.Sid ?? 'without a Sid'} of its policy denies it`;
  if (statements.some((each) => each.Effect === 'Allow' && applies(each, call))) return undefined;
  const near = statements.find((each) => each.Effect === 'Allow' && isAbout(each, call));
  return near === undefined
    ? 'no statement of its policy allows it'
    : `the condition of the statement ${near.Sid ?? 'without a Sid'} of its policy is about another sender`;
}

const applies = (each: Statement, call: ServiceCall) => isAbout(each, call) && meets(each, call);

function isAbout({ Principal, Action, NotAction, Resource }: Statement, call: ServiceCall): boolean {
  const isWho =
    Principal === '*' ||
    [Principal?.['Service'] ?? [], Principal?.['AWS'] ?? []]
      .flat()
      .some((each) => each === call.service || each === '*');
  const isWhat =
    NotAction === undefined
      ? matchesAny(Action, call.action.toLowerCase(), true)
      : !matchesAny(NotAction, call.action.toLowerCase(), true);
  return isWho && isWhat && (Resource === undefined || matchesAny(Resource, call.resource));
}

function meets({ Condition = {} }: Statement, { context }: ServiceCall): boolean {
  return Object.entries(Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => {
      const value = context[key.toLowerCase()];
      switch (operator) {
        case 'StringEquals':
        case 'Bool':
          return value !== undefined && [wanted].flat().includes(value);
        case 'ArnEquals':
        case 'ArnLike':
        case 'StringLike':
          return value !== undefined && matchesAny(wanted, value);
        default:
          return false;
      }
    }),
  );
}

const matchesAny = (patterns: string | readonly string[] | undefined, text: string, lower = false) =>
  [patterns ?? []].flat().some((each) => wildcard(lower ? each.toLowerCase() : each).test(text));

const wildcard = (pattern: string) =>
  new RegExp(
    `^${pattern
      .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  );
