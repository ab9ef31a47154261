/** Pulumi's tokens of the types that several checks name. */
export const alarmType = 'aws:cloudwatch/metricAlarm:MetricAlarm';
export const aliasType = 'aws:lambda/alias:Alias';
export const functionType = 'aws:lambda/function:Function';
export const keyType = 'aws:kms/key:Key';
export const logGroupType = 'aws:cloudwatch/logGroup:LogGroup';
export const queueType = 'aws:sqs/queue:Queue';
export const roleType = 'aws:iam/role:Role';
