import { errorText } from '../../core/service-error.ts';
import { parseDefinition } from '../../stepfunctions/definition.ts';
import { type Check, oneOf, physicalName, property, refersTo, required, valueAt } from './checks.ts';
import { logGroupType, roleType } from './types.ts';

/** The rules of the provider and AWS for state machines, and the limits of the local cloud. */
export const workflowChecks: Readonly<Record<string, readonly Check[]>> = {
  // Step Functions API reference: CreateStateMachine, LogLevel; Step Functions guide: service-quotas,
  // cw-logs.
  'aws:sfn/stateMachine:StateMachine': [
    physicalName('name', /^[A-Za-z0-9_-]+$/, 80, 'letters, digits, hyphens and underscores'),
    required('roleArn'),
    refersTo('roleArn', [roleType, 'arn']),
    required('definition'),
    property('definition', definition),
    oneOf('type', ['STANDARD', 'EXPRESS']),
    oneOf('loggingConfiguration.level', ['ALL', 'ERROR', 'FATAL', 'OFF']),
    function* logDestination({ inputs }, ofType) {
      const destination = valueAt(inputs, 'loggingConfiguration.logDestination');
      const groups = ofType(logGroupType);
      if (destination !== undefined && !groups.some(({ outputs }) => `${outputs['arn']}:*` === destination))
        yield [
          'loggingConfiguration.logDestination',
          `must be the arn of a LogGroup of this program and :*, not ${JSON.stringify(destination)}`,
        ];
    },
  ],
};

function definition(text: unknown): string | undefined {
  const size = Buffer.byteLength(String(text));
  if (size > 1_048_576) return `must have at most 1,048,576 bytes, not ${size}`;
  try {
    parseDefinition('it', String(text));
    return undefined;
  } catch (error) {
    return error instanceof SyntaxError ? `must be JSON, not ${JSON.stringify(text)}` : errorText(error);
  }
}
