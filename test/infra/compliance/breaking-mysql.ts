/** Changes to every resource of a type, and the one check of networks and databases that each breaks. */
const instance = 'aws:rds/instance:Instance';
const proxy = 'aws:rds/proxy:Proxy';
const subnet = 'aws:ec2/subnet:Subnet';
const defaultGroup = 'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup';
const group = 'aws:ec2/securityGroup:SecurityGroup';
const ingress = 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule';
const egress = 'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule';
const endpoint = 'aws:ec2/vpcEndpoint:VpcEndpoint';
const lambda = 'aws:lambda/function:Function';
const logGroup = 'aws:cloudwatch/logGroup:LogGroup';
const mapping = 'aws:lambda/eventSourceMapping:EventSourceMapping';
const alarm = 'aws:cloudwatch/metricAlarm:MetricAlarm';
const parameters = 'aws:rds/parameterGroup:ParameterGroup';
const alias = 'aws:lambda/alias:Alias';
const invocation = 'aws:lambda/invocation:Invocation';

const anyBucket = JSON.stringify({
  Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: '*' }],
});
const bucketsLike = anyBucket.replace('"*"}', '"arn:aws:s3:::sluice-*"}');

export const breakingMysql: readonly (readonly [
  check: string,
  type: string,
  path: string,
  value: unknown,
])[] = [
  ['no-internet', subnet, 'mapPublicIpOnLaunch', true],
  ['no-internet', subnet, 'mapPublicIpOnLaunch', undefined],
  ['default-group-closed', defaultGroup, 'ingress', [{ protocol: '-1' }]],
  ['default-group-closed', defaultGroup, 'vpcId', 'vpc-other'],
  ['groups-name-each-other', group, 'egress', [{ cidrBlocks: ['0.0.0.0/0'] }]],
  ['groups-name-each-other', ingress, 'cidrIpv4', '10.0.0.0/8'],
  ['groups-name-each-other', egress, 'ipProtocol', '-1'],
  ['groups-name-each-other', ingress, 'toPort', 65_535],
  ['endpoint-policy', endpoint, 'policy', undefined],
  ['endpoint-policy', endpoint, 'policy', anyBucket],
  ['endpoint-policy', endpoint, 'policy', bucketsLike],
  ['database-private', instance, 'publiclyAccessible', true],
  ['database-private', instance, 'publiclyAccessible', undefined],
  ['database-private', instance, 'dbSubnetGroupName', undefined],
  ['database-private', instance, 'vpcSecurityGroupIds', ['sg-default']],
  ['database-private', instance, 'vpcSecurityGroupIds', []],
  ['database-encryption', instance, 'storageEncrypted', undefined],
  ['database-encryption', instance, 'kmsKeyId', undefined],
  ['database-encryption', instance, 'masterUserSecretKmsKeyId', undefined],
  ['database-tls', parameters, 'parameters', [{ name: 'require_secure_transport', value: '0' }]],
  ['database-tls', instance, 'parameterGroupName', 'default.mysql8.4'],
  ['database-tls', proxy, 'requireTls', undefined],
  ['database-passwords', instance, 'manageMasterUserPassword', undefined],
  ['database-passwords', instance, 'password', 'secret'],
  ['database-passwords', instance, 'iamDatabaseAuthenticationEnabled', undefined],
  ['database-passwords', proxy, 'defaultAuthScheme', 'NONE'],
  ['no-password-in-environment', lambda, 'environment.variables.MYSQL_PASSWORD', 'secret'],
  ['no-password-in-environment', lambda, 'environment.variables.API_TOKEN', 'secret'],
  ['database-durable', instance, 'deletionProtection', undefined],
  ['database-durable', instance, 'skipFinalSnapshot', true],
  ['database-durable', instance, 'backupRetentionPeriod', 6],
  ['database-logs', instance, 'enabledCloudwatchLogsExports', ['error']],
  ['database-logs', instance, 'enabledCloudwatchLogsExports', ['error', 'slowquery', 'general']],
  ['database-logs', logGroup, 'retentionInDays', 0],
  ['connection-budget', mapping, 'scalingConfig.maximumConcurrency', 120],
  ['connection-budget', parameters, 'parameters', [{ name: 'max_connections', value: '4' }]],
  ['connection-budget', parameters, 'parameters', []],
  ['database-alarm', alarm, 'metricName', 'FreeableMemory'],
  ['database-alarm', alarm, 'treatMissingData', 'notBreaching'],
  ['database-alarm', alarm, 'comparisonOperator', 'GreaterThanThreshold'],
  ['migrated-before-loaded', invocation, 'triggers', undefined],
  ['migrated-before-loaded', invocation, 'triggers.code', 'always the same'],
  ['migrated-before-loaded', alias, 'functionName', 'other'],
];
