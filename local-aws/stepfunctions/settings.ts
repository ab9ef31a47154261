/** A state machine of the program. */
export interface StateMachineSettings {
  readonly name: string;
  readonly arn: string;
  readonly roleArn: string;
  /** JSON in the Amazon States Language. */
  readonly definition: string;
  /** Whether it writes to a log group. */
  readonly logs?: boolean;
  /** Whether it writes traces. */
  readonly traces?: boolean;
}
