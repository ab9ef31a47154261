/**
 * What AWS's provider knows of the types that the program uses, under the names of @pulumi/aws. Asked of
 * terraform-provider-aws 5.100.0, for every input that the program gives: it planned a change of all at once,
 * and named those that force a replacement.
 */

const ofBucket = ['bucket'];

/** The inputs whose change replaces the resource. */
export const replacing: Readonly<Record<string, readonly string[]>> = {
  'aws:cloudtrail/trail:Trail': ['name'],
  'aws:cloudwatch/dashboard:Dashboard': ['dashboardName'],
  'aws:cloudwatch/eventRule:EventRule': ['name', 'namePrefix', 'eventBusName'],
  'aws:cloudwatch/eventTarget:EventTarget': ['rule', 'eventBusName', 'targetId'],
  'aws:cloudwatch/logGroup:LogGroup': ['name', 'namePrefix', 'logGroupClass'],
  'aws:cloudwatch/metricAlarm:MetricAlarm': ['name'],
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup': ['vpcId'],
  'aws:ec2/flowLog:FlowLog': ['vpcId', 'iamRoleArn', 'logDestination', 'logDestinationType', 'trafficType'],
  'aws:ec2/routeTable:RouteTable': ['vpcId'],
  'aws:ec2/routeTableAssociation:RouteTableAssociation': ['subnetId'],
  'aws:ec2/securityGroup:SecurityGroup': ['name', 'namePrefix', 'description', 'vpcId'],
  'aws:ec2/subnet:Subnet': ['vpcId', 'cidrBlock', 'availabilityZone'],
  'aws:ec2/vpc:Vpc': ['cidrBlock'],
  'aws:ec2/vpcEndpoint:VpcEndpoint': ['vpcId', 'serviceName', 'vpcEndpointType'],
  'aws:glue/catalogDatabase:CatalogDatabase': ['name', 'catalogId'],
  'aws:glue/catalogTable:CatalogTable': ['name', 'databaseName', 'catalogId'],
  'aws:glue/crawler:Crawler': ['name', 'namePrefix', 'databaseName'],
  'aws:iam/role:Role': ['name', 'namePrefix', 'path'],
  'aws:iam/rolePolicy:RolePolicy': ['name', 'namePrefix', 'role'],
  'aws:kms/alias:Alias': ['name', 'namePrefix'],
  'aws:kms/key:Key': ['keyUsage', 'customerMasterKeySpec', 'multiRegion'],
  'aws:lambda/alias:Alias': ['name', 'functionName'],
  'aws:lambda/eventSourceMapping:EventSourceMapping': ['eventSourceArn'],
  'aws:lambda/function:Function': ['name', 'packageType'],
  'aws:lambda/functionRecursionConfig:FunctionRecursionConfig': ['functionName'],
  'aws:lambda/invocation:Invocation': ['functionName', 'qualifier', 'input', 'triggers'],
  'aws:rds/instance:Instance': [
    'availabilityZone',
    'dbName',
    'engine',
    'kmsKeyId',
    'storageEncrypted',
    'username',
  ],
  'aws:rds/parameterGroup:ParameterGroup': ['name', 'namePrefix', 'family', 'description'],
  'aws:rds/proxy:Proxy': ['engineFamily', 'vpcSubnetIds'],
  'aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup': ['dbProxyName'],
  'aws:rds/proxyTarget:ProxyTarget': ['dbProxyName', 'dbInstanceIdentifier', 'targetGroupName'],
  'aws:rds/subnetGroup:SubnetGroup': ['name', 'namePrefix'],
  'aws:redshiftdata/statement:Statement': ['database', 'secretArn', 'sql', 'workgroupName'],
  'aws:redshiftserverless/namespace:Namespace': ['namespaceName', 'dbName'],
  'aws:redshiftserverless/usageLimit:UsageLimit': ['resourceArn', 'period'],
  'aws:redshiftserverless/workgroup:Workgroup': ['workgroupName', 'namespaceName'],
  'aws:s3/bucket:Bucket': ['bucket', 'bucketPrefix', 'objectLockEnabled'],
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': ofBucket,
  'aws:s3/bucketLogging:BucketLogging': ofBucket,
  'aws:s3/bucketNotification:BucketNotification': ofBucket,
  'aws:s3/bucketOwnershipControls:BucketOwnershipControls': ofBucket,
  'aws:s3/bucketPolicy:BucketPolicy': ofBucket,
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': ofBucket,
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration': ofBucket,
  'aws:s3/bucketVersioning:BucketVersioning': ofBucket,
  'aws:scheduler/schedule:Schedule': ['name', 'namePrefix', 'groupName'],
  'aws:scheduler/scheduleGroup:ScheduleGroup': ['name', 'namePrefix'],
  'aws:sfn/stateMachine:StateMachine': ['name', 'namePrefix', 'type'],
  'aws:sqs/queue:Queue': ['name', 'namePrefix', 'fifoQueue'],
  'aws:sqs/queuePolicy:QueuePolicy': ['queueUrl'],
  'aws:sqs/redriveAllowPolicy:RedriveAllowPolicy': ['queueUrl'],
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': ['securityGroupId'],
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': ['securityGroupId'],
  'pulumi:providers:aws': [],
};

/** The properties that AWS keeps unique in an account, together, beside ids. */
export const unique: Readonly<Record<string, readonly string[]>> = {
  'aws:lambda/alias:Alias': ['functionName', 'name'],
  'aws:glue/catalogTable:CatalogTable': ['databaseName', 'name'],
  'aws:rds/instance:Instance': ['identifier'],
  'aws:redshiftserverless/workgroup:Workgroup': ['workgroupName'],
};

type Told = (outputs: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

const ofTable =
  (name: string): Told =>
  ({ parameters }) => ({
    parameters: { ...(parameters as object), UPDATED_BY_CRAWLER: name, objectCount: '12', recordCount: '34' },
  });

/**
 * What a refresh reads beyond what the program gave, and what the next update takes for a change unless it is
 * told to ignore it: settings of a bucket that other resources make (pulumi-aws issues 3166 and 6244), the
 * crawler's counts, and the workgroup's own parameters (pulumi-aws issue 4405).
 */
export const told: Readonly<Record<string, Told>> = {
  'aws:s3/bucket:Bucket': () => ({
    versioning: { enabled: true, mfaDelete: false },
    lifecycleRules: [{ id: 'incomplete-uploads', enabled: true }],
    serverSideEncryptionConfiguration: { rule: { bucketKeyEnabled: true } },
    policy: '{"Version":"2012-10-17"}',
  }),
  'aws:glue/catalogTable:CatalogTable': ofTable('sluice'),
  'aws:redshiftserverless/workgroup:Workgroup': () => ({
    configParameters: [{ parameterKey: 'auto_mv', parameterValue: 'true' }],
  }),
};
