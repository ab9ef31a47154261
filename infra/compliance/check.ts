/**
 * A resource as the program registered it. The inputs are what the program asks for, the outputs what AWS made of it, such as names
 * and ARNs.
 */
export interface Registered {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** A rule that the whole stack obeys, why, and who says so. */
export interface Check {
  /** As Pulumi wants names of policies: unique, of lower-case letters and hyphens. */
  readonly name: string;
  readonly rule: string;
  readonly reason: string;
  readonly source: string;
  /** The type, or types, of the resources that it is asked about. */
  readonly type: string | readonly string[];
  /** Whether this resource obeys the rule. */
  readonly passes: (resource: Registered, stack: readonly Registered[]) => boolean;
}

/** A resource that breaks a rule. */
export interface Finding {
  readonly urn: string;
  /** The name of the check. */
  readonly check: string;
  /** Rule, reason and source in one sentence each. */
  readonly message: string;
}

/** What breaks the rules in a stack. Empty for a stack that obeys them all. */
export function findings(checks: readonly Check[], stack: readonly Registered[]): Finding[] {
  return checks.flatMap(({ name, rule, reason, source, type, passes }) =>
    stack
      .filter((resource) => [type].flat().includes(resource.type) && !passes(resource, stack))
      .map(({ urn }) => ({ urn, check: name, message: `${rule} ${reason} (${source})` })),
  );
}
