export type Properties = Readonly<Record<string, unknown>>;

interface Api {
  /** Of a service in botocore, and one of its operations. */
  readonly operation: `${string}.${string}`;
  /** Where a parameter is not called as the property of CloudFormation is: its name by the property's. */
  readonly renamed?: Readonly<Record<string, string>>;
}

/** A resource of its own in CloudFormation. */
export interface Whole {
  readonly type: `AWS::${string}`;
  /** Where the physical name is, which Pulumi may have chosen: an output, and CloudFormation's property. */
  readonly named?: readonly [output: string, property: string];
  /** By Pulumi's names, at any depth, those that do not only differ in the first letter. */
  readonly renamed?: Readonly<Record<string, string>>;
  /** Inputs that are the provider's own, and that neither CloudFormation nor the API has. */
  readonly ofProvider?: readonly string[];
  /** What renaming alone can't express. */
  readonly shape?: (properties: Properties) => Properties;
  readonly api?: readonly Api[];
}

/** A part of another resource in CloudFormation. */
interface Part {
  /** The other resource's type, and the property of both by which it is found. */
  readonly of: readonly [type: string, input: string, output: string];
  readonly renamed?: Readonly<Record<string, string>>;
  /** What it adds there, without that property. Lists are appended. */
  readonly adds: (properties: Properties) => Properties;
}

/** A call of the API, for what CloudFormation does not have. */
interface Call {
  readonly call: `${string}.${string}`;
  readonly renamed?: Readonly<Record<string, string>>;
  readonly ofProvider?: readonly string[];
}

/** Nothing to hold it against, and why. */
interface Nothing {
  readonly nothing: string;
}

export type Conversion = Whole | Part | Call | Nothing;
