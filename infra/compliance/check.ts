/**
 * A resource as the program registered it. Inputs are the program's arguments; outputs are AWS's results,
 * such as names and ARNs.
 */
export interface Registered {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  /** URNs of the resources that Pulumi creates or updates before it. */
  readonly dependencies: readonly string[];
  readonly options: {
    /** Whether Pulumi refuses to delete it. */
    readonly protect: boolean;
  };
}

/** A rule for the whole stack, with its reason and source. */
export interface Check {
  /** Pulumi's form of a policy name: unique, with lower-case letters and hyphens. */
  readonly name: string;
  readonly rule: string;
  readonly reason: string;
  readonly source: string;
  /** The type, or types, of resources that it checks. */
  readonly type: string | readonly string[];
  /** Whether this resource follows the rule. */
  readonly passes: (resource: Registered, stack: readonly Registered[]) => boolean;
}

/** A resource that breaks a rule. */
export interface Finding {
  readonly urn: string;
  readonly check: string;
  /** Rule, reason and source, one sentence each. */
  readonly message: string;
}

/** The violations in a stack; empty if the stack follows all rules. */
export function findings(checks: readonly Check[], stack: readonly Registered[]): Finding[] {
  return checks.flatMap(({ name, rule, reason, source, type, passes }) =>
    stack
      .filter((resource) => [type].flat().includes(resource.type) && !passes(resource, stack))
      .map(({ urn }) => ({ urn, check: name, message: `${rule} ${reason} (${source})` })),
  );
}
