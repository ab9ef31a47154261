/** An answer of a service, or why there is none: there is no such thing, or the caller may not look at it. */
export type Fact<Value> = Known<Value> | Absent;

interface Known<Value> {
  readonly value: Value;
}

export interface Absent {
  readonly absent: 'missing' | 'refused';
  /** The service's own words. */
  readonly why: string;
}

const missing = /NotFound|NonExistent|DoesNotExist|NoSuch/;
const refused = /AccessDenied|NotAuthorized|Forbidden/;

/** Asks a service. @throws what is neither an answer that there is no such thing, nor a denial */
export async function lookUp<Value>(ask: () => Promise<Value>): Promise<Fact<Value>> {
  try {
    return { value: await ask() };
  } catch (error) {
    const { name, message } = error as Error;
    const absent = missing.test(name) ? 'missing' : refused.test(name) ? 'refused' : undefined;
    if (absent === undefined) throw error;
    return { absent, why: `${name}: ${message}` };
  }
}

export const isKnown = <Value>(fact: Fact<Value>): fact is Known<Value> => 'value' in fact;

export const knownOf = <Value>(fact: Fact<Value>): Value | undefined =>
  isKnown(fact) ? fact.value : undefined;
